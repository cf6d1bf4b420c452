"""An RTSP camera for the tests, run by the system's Python: rtsp_server.py FILE.mp4 PORT [h264|jpeg].

Plays the H.264 file from its beginning as rtsp://127.0.0.1:PORT/camera, at its own pace. Prints "ready" and runs until
it is killed.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

FILE = "( filesrc location={file} ! qtdemux ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )"
JPEG = "( filesrc location={file} ! qtdemux ! decodebin ! videoconvert ! jpegenc ! rtpjpegpay name=pay0 pt=26 )"


def main(file: str, port: str, form: str = "h264") -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch({"h264": FILE, "jpeg": JPEG}[form].format(file=file))
    factory.set_shared(True)
    server.get_mount_points().add_factory("/camera", factory)
    if server.attach(None) == 0:
        sys.exit(f"port {port} is taken")
    print("ready", flush=True)
    GLib.MainLoop().run()


main(*sys.argv[1:])
