"""Django settings: thin, every value of the environment comes from `cyoda.conf`."""

import os
import secrets
from pathlib import Path

from cyoda.conf import load
from cyoda.databases import django_database
from cyoda.embedded.home import Home

BASE_DIR = Path(__file__).resolve().parent.parent
CONF = load(os.environ)

SECRET_KEY = CONF.platform.secret_key or secrets.token_urlsafe(48)
DEBUG = False
ALLOWED_HOSTS = list(CONF.http.allowed_hosts)
ROOT_URLCONF = "cyoda.urls"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = "cyoda.telemetry.logs.configure_django"
LOGGING = {"conf": CONF}

# Every table of Django lives in the public schema; a tenant's schema is made by one prepared SQL script
# (workflows/storage/postgres/schema) and the models of `workflows` are unmanaged views of it.
SHARED_APPS = [
    "unfold",  # before django_tenants, which has templates of its own for the unstyled admin
    "django_tenants",
    "tenants.apps.TenantsConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "cyoda",
]
TENANT_APPS = ["workflows.apps.WorkflowsConfig"]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
TENANT_MODEL = "tenants.Environment"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_SCHEMAS = "cyoda.schemas.PostgresSchemas"
DATA_PLANE_WORKER = "cyoda.worker.worker"
DATA_PLANE = "cyoda.data_plane.data_plane"
PROVISIONING_DRIVERS = {"local": "tenants.provisioning.local.LocalDriver"}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
# An unreachable placeholder stands in until `use_database` names the embedded server of a running node.
DATABASES = {
    "default": django_database(
        CONF.storage.database_url or Home(CONF.platform.home).database_url or "postgresql://cyoda@127.0.0.1:1/cyoda"
    )
}

# The pages are served in the public schema whatever the host name is: tenants are chosen by the signed-in person.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # straight from the apps: nothing is collected before a start
WHITENOISE_AUTOREFRESH = False

_behind_tls = CONF.platform.environment == "production"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _behind_tls
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _behind_tls else None
SECURE_HSTS_SECONDS = 31_536_000 if _behind_tls else 0
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

UNFOLD = {"SITE_TITLE": "Cyoda", "SITE_HEADER": "Cyoda operators", "SHOW_HISTORY": True}
