"""The trading worker's own process: clients, event loop, lease, and the threads that keep watch."""

from trading.runtime.handle import TraderRuntime, install, installed, trader

__all__ = ["TraderRuntime", "install", "installed", "trader"]
