"""Recording: one more subscriber of a source, from RTP straight into files. Nothing is encoded."""
