"""Releasing: the tag, the lock of the dependencies with their hashes, and the bill of materials."""
