"""Django settings: thin, every value of the environment comes from `cyoda.conf`."""

import os
import secrets
from pathlib import Path

from cyoda.addresses import public_url
from cyoda.conf import load
from cyoda.databases import django_database
from cyoda.embedded.home import Home
from cyoda.mail import django_mail

BASE_DIR = Path(__file__).resolve().parent.parent
CONF = load(os.environ)

SECRET_KEY = CONF.platform.secret_key or secrets.token_urlsafe(48)
DEBUG = False
ALLOWED_HOSTS = list(CONF.http.allowed_hosts)
ROOT_URLCONF = "cyoda.urls"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGES = [("en", "English")]
FORMAT_MODULE_PATH = ["cyoda.formats"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = "cyoda.telemetry.logs.configure_django"
LOGGING = {"conf": CONF}

# Every table of Django lives in the public schema; a tenant's schema is made by one prepared SQL script
# (workflows/storage/postgres/schema) and the models of `workflows` are unmanaged views of it.
SHARED_APPS = [
    "unfold.contrib.filters",
    "unfold",  # before django_tenants, which has templates of its own for the unstyled admin
    "django_tenants",
    "tenants.apps.TenantsConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",  # its modules are loaded with the pages (cyoda/urls.py)
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "oauth2_provider",
    "cyoda",
]
if CONF.people.oidc_url is not None:  # it brings an HTTP client along, which other nodes need not hold
    SHARED_APPS.append("allauth.socialaccount.providers.openid_connect")
TENANT_APPS = ["workflows.apps.WorkflowsConfig"]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
TENANT_MODEL = "tenants.Environment"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True  # the search path is set once a connection, not before each query
TENANT_SCHEMAS = "cyoda.schemas.PostgresSchemas"
DATA_PLANE_WORKER = "cyoda.worker.worker"
DATA_PLANE = "cyoda.data_plane.data_plane"
BEARERS = "cyoda.bearers.bearers"
PAGES_API = "cyoda.pages_api.pages_api"
PROVISIONING_DRIVERS = {
    "local": "tenants.provisioning.local.LocalDriver",
    "compose": "tenants.provisioning.compose.ComposeDriver",
    "kubernetes": "tenants.provisioning.planned.KubernetesDriver",
    "cassandra": "tenants.provisioning.planned.CassandraDriver",
    "trino": "tenants.provisioning.planned.TrinoDriver",
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
# An unreachable placeholder stands in until `use_database` names the embedded server of a running node.
DATABASES = {
    "default": django_database(
        CONF.storage.database_url or Home(CONF.platform.home).database_url or "postgresql://cyoda@127.0.0.1:1/cyoda"
    )
}

# The pages are served in the public schema whatever the host name is: tenants are chosen by the signed-in person.
MIDDLEWARE = [
    "tenants.ui.headers.PageHeaders",
    "tenants.ui.headers.Compression",
    "django.middleware.security.SecurityMiddleware",
    "tenants.ui.headers.ContentPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.ui.shell.preferences.OwnTimeZone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.ui.activity.Activity",
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
                "tenants.ui.context.page",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "tenants.services.people.PasswordEndsTokens"},
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

# Sign-in limits hold over all nodes: what they count is in the database. A cache that forgot early would lift locks.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cyoda_cache",
        "OPTIONS": {"MAX_ENTRIES": 200_000},
    }
}

# People sign in through django-allauth; accounts come from invitations only (docs/adr/0010).
AUTHENTICATION_BACKENDS = ["tenants.ui.people_backend.PeopleBackend"]
LOGIN_URL = LOGOUT_REDIRECT_URL = ACCOUNT_LOGOUT_REDIRECT_URL = "/login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "tenants.ui.adapters.Accounts"
ACCOUNT_FORMS = {"login": "tenants.ui.forms.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_EMAIL_VERIFICATION = "none"  # an address is known from an invitation's link or from the provider
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ALLAUTH_TRUSTED_PROXY_COUNT = CONF.people.trusted_proxies
USERSESSIONS_TRACK_ACTIVITY = True
MFA_ADAPTER = "tenants.ui.adapters.SecondFactors"
# Without a lasting key a restart would lock people out, so there is no second factor then.
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"] if CONF.secrets_at_rest else []
MFA_TOTP_ISSUER = "Cyoda"
MFA_TOTP_TOLERANCE = 1
SOCIALACCOUNT_ADAPTER = "tenants.ui.adapters.ProviderAccounts"
SOCIALACCOUNT_LOGIN_ON_GET = True  # a link: a form that leads to another site would need that site in the policy
SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "APPS": [
            {
                "provider_id": "sso",
                "name": CONF.people.oidc_name,
                "client_id": CONF.people.oidc_client_id,
                "secret": CONF.people.oidc_client_secret or "",
                "settings": {"server_url": CONF.people.oidc_url, "oauth_pkce_enabled": True},
            }
        ]
        if CONF.people.oidc_url is not None
        else []
    }
}

PUBLIC_URL = public_url(CONF)

# Command lines sign in through django-oauth-toolkit (contract: control plane 4.7); what tokens are is ours.
OAUTH2_PROVIDER = {
    "OAUTH2_VALIDATOR_CLASS": "tenants.oauth.validator.Validator",
    "ACCESS_TOKEN_GENERATOR": "tenants.oauth.tokens.access_token",
    "ACCESS_TOKEN_EXPIRE_SECONDS": CONF.jwt.expiry_seconds,
    "REFRESH_TOKEN_GENERATOR": "oauthlib.oauth2.rfc6749.tokens.random_token_generator",
    "REFRESH_TOKEN_EXPIRE_SECONDS": 30 * 24 * 3600,  # since the last refresh
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "OAUTH_DEVICE_VERIFICATION_URI": f"{PUBLIC_URL}/activate",
    "OAUTH_DEVICE_VERIFICATION_URI_COMPLETE": f"{PUBLIC_URL}/activate?user_code={{user_code}}",
    "OAUTH_PRE_TOKEN_VALIDATION": [],  # the library's own looks for device codes as they are; we keep digests
    "OIDC_ISS_ENDPOINT": f"{PUBLIC_URL}/",
    "ALLOWED_REDIRECT_URI_SCHEMES": ["http"],  # to this machine only (RFC 8252)
    **{
        f"COMPLIANT_BCP_RFC9700_{rule}": True
        for rule in (
            *("IMPLICIT_GRANT", "PASSWORD_GRANT", "PKCE_METHOD", "PKCE_REQUIRED", "ACCESS_TOKEN_TRANSPORT"),
            *("AUTHZ_RESPONSE_ISS", "TOKEN_STORAGE", "REFRESH_TOKEN", "REDIRECT_URI_MATCHING"),
        )
    },
}

DEFAULT_FROM_EMAIL = SERVER_EMAIL = CONF.people.mail_from
globals().update(django_mail(CONF.people.mail_url))

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = CONF.platform.static_root
_collected = "whitenoise.storage.CompressedManifestStaticFilesStorage"
_as_they_are = "django.contrib.staticfiles.storage.StaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": _as_they_are if STATIC_ROOT is None else _collected},
}
WHITENOISE_USE_FINDERS = STATIC_ROOT is None
WHITENOISE_AUTOREFRESH = False

_behind_tls = CONF.platform.environment == "production"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _behind_tls
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _behind_tls else None
SECURE_SSL_REDIRECT = SECURE_HSTS_INCLUDE_SUBDOMAINS = _behind_tls
SECURE_HSTS_SECONDS = 31_536_000 if _behind_tls else 0
SILENCED_SYSTEM_CHECKS = [
    "security.W021",  # a browser's list of preloaded hosts is for the owner of the domain to join
    "oauth2_provider.W008",  # command lines are called back over http on their own machine, and nobody elsewhere is
]
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CONTENT_SECURITY_POLICY = {  # nothing inline; the back office has what it cannot do without (tenants/ui/headers.py)
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # the second factor's QR code
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "report-uri": ["/policy-report"],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

UNFOLD = {
    "SITE_TITLE": "Cyoda",
    "SITE_HEADER": "Cyoda operators",
    "SHOW_HISTORY": False,  # Django's own log of the admin is not written: the audit log is
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "tenants.admin.navigation.installation",
    "SIDEBAR": {"navigation": "tenants.admin.navigation.navigation"},
    "DASHBOARD_CALLBACK": "tenants.admin.dashboard.dashboard",
}
