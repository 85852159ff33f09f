"""Which life of the database this is; the first one begins with the installation."""

import uuid

import django.db.models.functions.datetime
from django.db import migrations, models


def first_generation(apps, schema_editor):
    apps.get_model("upkeep", "Generation").objects.create(origin="installed")


class Migration(migrations.Migration):
    dependencies = [("upkeep", "0003_heartbeat_likeness")]

    operations = [
        migrations.CreateModel(
            name="Generation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "origin",
                    models.CharField(
                        choices=[("installed", "Installed"), ("restored", "Restored"), ("replaced", "Replaced")],
                        max_length=16,
                    ),
                ),
                ("began_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("backup", models.UUIDField(help_text="The backup that it was restored from.", null=True)),
                ("head_seq", models.BigIntegerField(default=0, help_text="The last audit record that came along.")),
                (
                    "lost_records",
                    models.BigIntegerField(
                        default=0, help_text="Records that newer checkpoints knew and it lacks."
                    ),
                ),
                ("note", models.TextField(blank=True, default="")),
            ],
            options={"ordering": ["-began_at"]},
        ),
        migrations.RunPython(first_generation, migrations.RunPython.noop),
    ]
