"""Identity: keys, people, tiers, the audit log; clients' secrets are hashed with Argon2id from here on."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_control_plane"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Epoch",
            fields=[
                (
                    "name",
                    models.CharField(
                        choices=[("keys", "Keys"), ("providers", "Providers")],
                        max_length=32,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("number", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="SigningKey",
            fields=[
                ("kid", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("audience", models.CharField(choices=[("client", "Client"), ("human", "Human")], max_length=16)),
                ("public_key", models.BinaryField()),
                ("private_key", models.BinaryField(null=True)),
                ("is_active", models.BooleanField(default=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(blank=True, null=True)),
                ("deleted_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ("-valid_from", "kid"),
            },
        ),
        migrations.CreateModel(
            name="Tier",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("title", models.CharField(max_length=100)),
                ("limits", models.JSONField(blank=True, default=list)),
                ("backends", models.JSONField(blank=True, default=list)),
                ("env_deploys_per_day", models.IntegerField(default=-1)),
                ("env_lifetime_days", models.PositiveIntegerField(blank=True, null=True)),
                ("deploys_apps", models.BooleanField(default=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ("name",),
            },
        ),
        migrations.AddField(
            model_name="client",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="client",
            name="label",
            field=models.CharField(blank=True, default="", max_length=100),
        ),
        migrations.AddField(
            model_name="client",
            name="last_used_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="client",
            name="previous_secret_hash",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="client",
            name="previous_secret_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="client",
            name="secret_hash",
            field=models.TextField(default=""),
            preserve_default=False,
        ),
        migrations.RunSQL(
            "UPDATE tenants_client SET secret_hash = 'sha256$' || encode(secret_digest, 'hex')",
            migrations.RunSQL.noop,
        ),
        migrations.RemoveField(
            model_name="client",
            name="secret_digest",
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_index=True)),
                ("actor_id", models.TextField()),
                ("actor_name", models.TextField()),
                ("actor_kind", models.CharField(max_length=16)),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("api", "Api"),
                            ("pages", "Pages"),
                            ("back office", "Back Office"),
                            ("terminal", "Terminal"),
                            ("platform", "Platform"),
                        ],
                        max_length=16,
                    ),
                ),
                ("action", models.CharField(max_length=64)),
                ("target_type", models.CharField(max_length=64)),
                ("target_id", models.TextField()),
                ("organisation_id", models.UUIDField(null=True)),
                ("tenant_id", models.TextField(blank=True, default="")),
                ("before", models.JSONField(null=True)),
                ("after", models.JSONField(null=True)),
                ("request_id", models.TextField(blank=True, default="")),
                ("reason", models.TextField(blank=True, default="")),
            ],
            options={
                "ordering": ("-id",),
                "indexes": [
                    models.Index(fields=["organisation_id", "-id"], name="audit_of_organisation"),
                    models.Index(fields=["target_type", "target_id"], name="audit_of_target"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("email", models.EmailField(max_length=254)),
                (
                    "role",
                    models.CharField(
                        choices=[("ROLE_OWNER", "Owner"), ("ROLE_DEVELOPER", "Developer"), ("ROLE_VIEWER", "Viewer")],
                        default="ROLE_VIEWER",
                        max_length=32,
                    ),
                ),
                ("token_digest", models.BinaryField(unique=True)),
                ("invited_by", models.TextField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
                ("accepted_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="tenants.organisation",
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="person", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="QuotaWindow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tenant", models.CharField(max_length=63)),
                ("entitlement", models.CharField(max_length=32)),
                ("started_at", models.DateTimeField()),
                ("taken", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "entitlement"), name="one_window_an_entitlement")
                ],
            },
        ),
        migrations.CreateModel(
            name="RefreshToken",
            fields=[
                ("digest", models.BinaryField(primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "environment",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenants.environment"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refresh_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="TrustedKey",
            fields=[
                ("key_id", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("jwk", models.TextField()),
                ("audience", models.CharField(choices=[("client", "Client"), ("human", "Human")], max_length=16)),
                ("issuers", models.JSONField(blank=True, null=True)),
                ("is_active", models.BooleanField(default=True)),
                ("valid_from", models.DateTimeField()),
                ("valid_to", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="trusted_keys",
                        to="tenants.environment",
                    ),
                ),
            ],
            options={
                "ordering": ("environment", "key_id"),
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[("ROLE_OWNER", "Owner"), ("ROLE_DEVELOPER", "Developer"), ("ROLE_VIEWER", "Viewer")],
                        default="ROLE_VIEWER",
                        max_length=32,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="tenants.organisation",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("organisation", "user"),
                "constraints": [models.UniqueConstraint(fields=("user", "organisation"), name="one_membership")],
            },
        ),
        migrations.CreateModel(
            name="OidcProvider",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("well_known_uri", models.CharField(max_length=1000)),
                ("is_active", models.BooleanField(default=True)),
                ("issuers", models.JSONField(blank=True, null=True)),
                ("expected_audiences", models.JSONField(blank=True, null=True)),
                ("roles_claim", models.CharField(blank=True, max_length=100, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="oidc_providers",
                        to="tenants.environment",
                    ),
                ),
            ],
            options={
                "verbose_name": "OIDC provider",
                "ordering": ("environment", "created_at"),
                "constraints": [
                    models.UniqueConstraint(fields=("environment", "well_known_uri"), name="provider_once_a_tenant")
                ],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "status",
                    models.CharField(
                        choices=[("ACTIVE", "Active"), ("CANCELLED", "Cancelled"), ("EXPIRED", "Expired")],
                        default="ACTIVE",
                        max_length=16,
                    ),
                ),
                ("period_from", models.DateTimeField()),
                ("period_to", models.DateTimeField(blank=True, null=True)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subscriptions",
                        to="tenants.organisation",
                    ),
                ),
                (
                    "tier",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="subscriptions", to="tenants.tier"
                    ),
                ),
            ],
            options={
                "ordering": ("organisation", "-period_from"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "ACTIVE")),
                        fields=("organisation",),
                        name="one_active_subscription",
                    )
                ],
            },
        ),
        migrations.RunSQL(
            """
            CREATE FUNCTION tenants_audit_stands() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION 'the audit log is append-only';
            END $$;
            CREATE TRIGGER audit_stands BEFORE UPDATE OR DELETE ON tenants_auditevent
                FOR EACH ROW EXECUTE FUNCTION tenants_audit_stands();
            """,
            "DROP FUNCTION tenants_audit_stands() CASCADE",
        ),
    ]
