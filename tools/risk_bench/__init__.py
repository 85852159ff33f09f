"""``make risk-bench``: what the risk floor costs: a gate decision, the governor's sample, HOLD's answer, the caps' race."""
