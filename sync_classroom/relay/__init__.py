"""The media plane: forwards encoded WebRTC media and journals what was delivered."""
