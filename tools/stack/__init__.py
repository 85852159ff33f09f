"""Production's processes without Docker: the commands and settings of docker-compose.prod.yml on this machine."""
