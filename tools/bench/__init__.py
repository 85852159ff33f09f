"""``make bench``: what PropBot costs, measured beside what the same orders cost without it."""
