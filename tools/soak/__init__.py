"""A whole desk for an hour: traded by two operators, broken once a minute, judged by the oracle, weighed."""
