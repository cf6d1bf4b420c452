"""Real servers for the tests, on 127.0.0.1: RTSP (GStreamer), MQTT (mosquitto), HTTP. ``install.sh`` installs them."""
