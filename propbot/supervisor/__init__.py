"""One parent for the whole desk: embedded services, the venue simulator and PropBot's own processes."""
