#!/usr/bin/env bash
# What tests need beside Python packages: an RTSP server (GStreamer) and an MQTT broker for cameras, a browser for the app.
# Run by .ci/run; tests that miss one of them skip and say so.
set -euo pipefail
packages=(gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-libav python3-gi mosquitto chromium)
as_root=()
if test "$(id -u)" != 0; then as_root=(sudo -n); fi
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
