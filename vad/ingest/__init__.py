"""Raw data sets on disk, whatever their layout, become the frame store."""
