"""How a whole desk answers under load: readers over HTTP, listeners over WebSocket, quotes, and HOLD meanwhile."""
