"""Virtual terminals: real WebRTC clients that speak only the public protocol."""
