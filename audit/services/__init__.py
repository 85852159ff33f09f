"""What other floors call. Everything else of the package is its own business."""

from audit.services.alerts import alert
from audit.services.checkpoints import checkpoint_write
from audit.services.recording import audited, record
from audit.services.spool import spool, spool_ingest
from audit.services.verifying import verify

__all__ = ["alert", "audited", "checkpoint_write", "record", "spool", "spool_ingest", "verify"]
