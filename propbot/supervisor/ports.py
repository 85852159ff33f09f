"""Whether the desk's ports are free, before anything is started on them."""

import socket

from propbot.supervisor.plan import HOST, DeskPlan


def ports_of(plan: DeskPlan) -> dict[int, str]:
    """What each port that the desk listens on is for."""
    ports = {plan.port: "web", plan.port + 2: "Flower"}
    return {**ports, plan.port + 1: "the venue simulator"} if plan.simulated else ports


def is_free(port: int) -> bool:
    """Whether we could listen there now; a connection that is still closing does not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def port_trouble(plan: DeskPlan) -> str | None:
    """Which ports are taken, with the cure; None when the desk can have them all."""
    taken = [f"{port} ({use})" for port, use in sorted(ports_of(plan).items()) if not is_free(port)]
    if not taken:
        return None
    return f"another program listens on {', '.join(taken)}; stop it, or set PORT to the first of ten free ports"
