"""The parts of one process, each built from the app settings when a function first needs it.

If the settings of a part are wrong, each call for it raises SettingsError; other parts still work.
"""

from threading import RLock
from typing import TYPE_CHECKING

from shared.app import Services, Stores, Timers, build_services, build_stores, build_timers, build_webhooks
from shared.clock import Clock, SystemClock
from shared.settings import load_settings, load_storage_settings

if TYPE_CHECKING:
    from shared.http.api import Api, StorageApi


class Process:
    """Builds each part once, even if two invocations need it at the same time."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self._building = RLock()
        self._stores: Stores | None = None
        self._services: Services | None = None
        self._timers: Timers | None = None
        self._storage_api: StorageApi | None = None
        self._api: Api | None = None

    def stores(self) -> Stores:
        """What is kept in the jobs table. It needs only the storage settings."""
        with self._building:
            if self._stores is None:
                self._stores = build_stores(load_storage_settings(), self.clock)
            return self._stores

    def services(self) -> Services:
        """What reaches other systems."""
        with self._building:
            if self._services is None:
                settings = load_settings()
                self._services = build_services(self.stores(), settings, build_webhooks(self.stores(), settings))
            return self._services

    def timers(self) -> Timers:
        """What the timer functions run."""
        with self._building:
            if self._timers is None:
                self._timers = build_timers(self.stores(), self.services())
            return self._timers

    def storage_api(self) -> "StorageApi":
        """The HTTP handlers that need only the storage settings."""
        from shared.http.api import build_storage_api  # imported here: the timers need no pydantic

        with self._building:
            if self._storage_api is None:
                self._storage_api = build_storage_api(self.stores())
            return self._storage_api

    def api(self) -> "Api":
        """All other HTTP handlers."""
        from shared.http.api import build_api  # imported here: the timers need no pydantic

        with self._building:
            if self._api is None:
                self._api = build_api(self.stores(), self.services())
            return self._api
