"""Usage of environments by hour and day, notices of limits, and the webhooks that hear of them."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0009_studio_builds"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("entitlement", models.CharField(max_length=32)),
                ("threshold", models.PositiveSmallIntegerField()),
                ("period_started_at", models.DateTimeField()),
                ("used", models.BigIntegerField()),
                ("limit", models.BigIntegerField()),
                ("created_at", models.DateTimeField()),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="tenants.environment"
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="UsagePeriod",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("span", models.CharField(choices=[("hour", "Hour"), ("day", "Day")], max_length=4)),
                ("started_at", models.DateTimeField()),
                ("requests", models.BigIntegerField(default=0)),
                ("requests_refused", models.BigIntegerField(default=0)),
                ("callouts", models.BigIntegerField(default=0)),
                ("callouts_refused", models.BigIntegerField(default=0)),
                ("members_peak", models.IntegerField(default=0)),
                ("entities", models.BigIntegerField(null=True)),
                ("bytes", models.BigIntegerField(null=True)),
                ("measured_at", models.DateTimeField(null=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="usage", to="tenants.environment"
                    ),
                ),
            ],
            options={
                "ordering": ("environment", "span", "-started_at"),
            },
        ),
        migrations.CreateModel(
            name="Webhook",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                (
                    "format",
                    models.CharField(
                        choices=[("google_chat", "Google Chat card"), ("slack", "Slack blocks")], max_length=16
                    ),
                ),
                ("host", models.CharField(max_length=255)),
                ("url", models.BinaryField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="webhooks",
                        to="tenants.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ("name",),
            },
        ),
        migrations.CreateModel(
            name="NoticeDelivery",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("sent", "Sent"), ("failed", "Failed")],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField()),
                ("error", models.TextField(blank=True, default="")),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="tenants.notice"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="tenants.webhook",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "deliveries",
            },
        ),
        migrations.CreateModel(
            name="ConnectedMembers",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("node", models.UUIDField()),
                ("members", models.IntegerField()),
                ("seen_at", models.DateTimeField()),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="connected_members",
                        to="tenants.environment",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("environment", "node"), name="one_count_a_node")],
            },
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                fields=("environment", "entitlement", "threshold", "period_started_at"), name="one_notice_a_period"
            ),
        ),
        migrations.AddIndex(
            model_name="usageperiod",
            index=models.Index(fields=["span", "started_at"], name="usage_by_age"),
        ),
        migrations.AddConstraint(
            model_name="usageperiod",
            constraint=models.UniqueConstraint(fields=("environment", "span", "started_at"), name="one_usage_a_period"),
        ),
        migrations.AddIndex(
            model_name="noticedelivery",
            index=models.Index(condition=models.Q(("state", "waiting")), fields=["not_before"], name="deliveries_due"),
        ),
        migrations.AddConstraint(
            model_name="noticedelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("user", None), ("webhook__isnull", False)),
                    models.Q(("user__isnull", False), ("webhook", None)),
                    _connector="OR",
                ),
                name="delivery_has_one_target",
            ),
        ),
    ]
