"""What stands beside the containers: health probe, secrets, proxy, Prometheus, Grafana."""
