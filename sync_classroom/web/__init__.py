"""HTTP API, WebSocket, pages and access control."""
