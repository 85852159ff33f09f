"""What the console remembers: which Telegram updates it has seen."""

from django.db import models


class TelegramUpdate(models.Model):
    """One update of the Bot API. The unique id is the replay protection: Telegram may deliver one again for 24 h."""

    update_id = models.BigIntegerField(primary_key=True)
    seen_at = models.DateTimeField(auto_now_add=True, db_index=True)
    sender_id = models.BigIntegerField(null=True)
    outcome = models.CharField(max_length=32, default="taken")

    def __str__(self) -> str:
        return f"update {self.update_id}: {self.outcome}"
