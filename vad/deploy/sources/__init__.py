"""Where frames come from: files, folders of pictures, cameras and their streams."""
