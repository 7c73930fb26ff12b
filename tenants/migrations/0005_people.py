from django.conf import settings
from django.db import migrations, models

CACHE = """
CREATE TABLE IF NOT EXISTS cyoda_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS cyoda_cache_expires ON cyoda_cache (expires);
"""


def make_persons(apps, schema_editor):
    users = apps.get_model(settings.AUTH_USER_MODEL)
    person = apps.get_model("tenants", "Person")
    for user in users.objects.filter(person=None):
        person.objects.create(user=user)


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0004_seats_of_members"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SetupLink",
            fields=[
                ("digest", models.BinaryField(primary_key=True, serialize=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.RunSQL(CACHE, "DROP TABLE IF EXISTS cyoda_cache"),
        migrations.RunPython(make_persons, migrations.RunPython.noop),
    ]
