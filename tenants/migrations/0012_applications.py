"""Applications that run beside environments, their processes, and what they write."""

import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0011_provisioning_events"),
    ]

    operations = [
        migrations.CreateModel(
            name="Application",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40)),
                ("command", models.JSONField(blank=True, default=list)),
                ("image", models.CharField(blank=True, default="", max_length=500)),
                ("repository", models.CharField(blank=True, default="", max_length=2000)),
                ("branch", models.CharField(blank=True, default="", max_length=300)),
                ("replicas", models.PositiveIntegerField(default=1)),
                ("variables", models.BinaryField(default=bytes)),
                ("tags", models.JSONField(blank=True, default=list)),
                ("client_secret", models.BinaryField(default=bytes)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("is_stopped", models.BooleanField(default=False)),
                ("failure", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "client",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="tenants.client"
                    ),
                ),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="applications",
                        to="tenants.environment",
                    ),
                ),
            ],
            options={
                "ordering": ("environment", "name"),
            },
        ),
        migrations.CreateModel(
            name="ApplicationProcess",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("replica", models.PositiveIntegerField()),
                ("revision", models.PositiveIntegerField()),
                ("pid", models.PositiveIntegerField(null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("starting", "Starting"),
                            ("running", "Running"),
                            ("stopping", "Stopping"),
                            ("waiting", "Waiting"),
                        ],
                        max_length=16,
                    ),
                ),
                ("restarts", models.PositiveIntegerField(default=0)),
                ("last_exit", models.CharField(blank=True, default="", max_length=100)),
                ("started_at", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="processes", to="tenants.application"
                    ),
                ),
            ],
            options={
                "ordering": ("application", "replica"),
            },
        ),
        migrations.CreateModel(
            name="LogLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("replica", models.PositiveIntegerField()),
                ("at", models.DateTimeField()),
                ("text", models.TextField()),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="tenants.application"
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
            },
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.UniqueConstraint(fields=("environment", "name"), name="one_application_a_name"),
        ),
        migrations.AddConstraint(
            model_name="applicationprocess",
            constraint=models.UniqueConstraint(fields=("application", "replica"), name="one_process_a_replica"),
        ),
        migrations.AddIndex(
            model_name="logline",
            index=models.Index(fields=["application", "id"], name="lines_of_an_application"),
        ),
    ]
