"""``make chaos``: breaks the engine in every way that RELIABILITY names, and asks the oracle after each.

    python -m tools.chaos [--quick] [--only GROUP,...] [--seeds N] [--kills N] [--episodes N] [--races N] [--seed S]
    python -m tools.chaos --minutes 10 --keep-in FOLDER --resume     # the same in pieces
    python -m tools.chaos --report-from FOLDER                       # the report of all pieces

Groups: crashes (A1 to A19 at depth 1 and 2), kills (kill -9 of a trader under load), desks (the same with a whole
desk, in real time), episodes (the engine in virtual time), holds (HOLD against send, frozen processes). A group is
cut into processes, each with its own database and simulator; ``--jobs`` of them run at a time.

What is counted as *struck* has taken place: the process died at the point (137), the limit refused a probe, the
signal was sent, the callback raised, the market took the quote. A fault that did not strike is tried twice more with
other choices of the same seed; what still did not strike is told as such.
"""
