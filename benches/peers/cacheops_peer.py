"""django-cacheops, driven by lines: `fill N`, `obj`, `model`; each is answered by a line.

Set up as its documentation shows (CACHEOPS by model, invalidation by object); the database of
the models is SQLite in memory, so that nothing but the cache is measured.
"""

import sys
import time

import django
from django.conf import settings

port = int(sys.argv[1])
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["cacheops"],
    CACHEOPS_REDIS={"host": "127.0.0.1", "port": port, "db": 0},
    CACHEOPS_DEFAULTS={"timeout": 60 * 60},
    CACHEOPS={"peers.*": {"ops": "all"}},
)
django.setup()

from cacheops import invalidate_model, invalidate_obj  # noqa: E402  (after the settings)
from django.db import connection, models  # noqa: E402


class Post(models.Model):
    author_id = models.IntegerField()

    class Meta:
        app_label = "peers"


with connection.schema_editor() as editor:
    editor.create_model(Post)
Post.objects.bulk_create([Post(author_id=7) for _ in range(10)])


def fill(count):
    """Caches `count` pages of the posts of one author: each depends on the author alone."""
    for page in range(count):
        list(Post.objects.filter(author_id=7)[page : page + 1])


acts = {
    "obj": lambda: invalidate_obj(Post(id=1, author_id=7)),
    "model": lambda: invalidate_model(Post),
}

for line in sys.stdin:
    name, *count = line.split()
    start = time.perf_counter()
    if name == "fill":
        fill(int(count[0]))
    else:
        acts[name]()
    print(round((time.perf_counter() - start) * 1e6), flush=True)
