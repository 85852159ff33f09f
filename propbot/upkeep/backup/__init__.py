"""Backups: one encrypted file with every table, the audit's files and the secrets store, and the proof of each."""
