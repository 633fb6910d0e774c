"""A Milvus server, or a milvus-lite file, and the one way to call it. The only importer of pymilvus."""

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from app.errors import ConfigError, IndexBusyError, IndexMissingError, IndexProblem, IndexServerError

SCHEME = "milvus://"
CONNECT_SECONDS = 5.0
CALL_SECONDS = 10.0
"""How long a search may take; what builds an index may take BUILD_SECONDS."""
BUILD_SECONDS = 1800

CHANNEL = {"grpc.use_local_subchannel_pool": 1}
"""Else gRPC keeps what it learnt of a dead server for all connections of a process, and a new one would not even try."""
Fields = Mapping[str, tuple[str, dict[str, int]]]
"""The fields of a collection: each its type, by Milvus' name, and the options of that."""
Indexes = Mapping[str, tuple[str, str, Mapping[str, int]]]
"""The indexes of a collection: for each field the kind of index, the metric, and its parameters."""
NOT_FOUND = (100, 4, 1600)
"""Codes of a collection or an alias that is not there: the server's, its older ones, an alias's."""
NOT_LOADED = 101
CONNECT_FAILED = 2
"""The code that pymilvus itself gives when it cannot connect."""
NO_ANSWER = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN")
NOT_ALLOWED = ("UNAUTHENTICATED", "PERMISSION_DENIED")


class NotThereError(IndexProblem):
    """A collection or an alias that does not exist; the caller knows what that means."""


class NotLoadedError(IndexServerError):
    """A collection that the server holds on disk only, as milvus-lite does after a start."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where Milvus is. `name` may be shown: it holds no credentials. `file` is that of milvus-lite, else empty."""

    name: str
    uri: str
    database: str = ""
    token: str = ""
    file: str = ""


def parse_address(url: str) -> Address:
    """Read milvus://[user:password@|token@]host[:port][/database][?tls=1] or milvus://folder/file.db. Raises ConfigError."""
    if not url.startswith(SCHEME):
        raise ConfigError(f"an address of Milvus must begin with {SCHEME}")
    if url.endswith(".db"):
        file = url.removeprefix(SCHEME)
        return Address(url, file, file=file)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 19530
    except ValueError:
        host, port = None, 0
    if not host:
        raise ConfigError("the address of Milvus must read milvus://host:19530[/database] or milvus://folder/file.db")
    database = parts.path.strip("/")
    name = f"{SCHEME}{host}:{port}" + (f"/{database}" if database else "")
    token = unquote(parts.netloc.rpartition("@")[0])
    scheme = "https" if parts.query == "tls=1" else "http"
    return Address(name, f"{scheme}://{host}:{port}", database, token)


class Server:
    """Calls Milvus with a time-out and turns its errors into ours. Safe to use from several threads.

    After a failure the next call connects anew, so that a server that comes back is used again.
    """

    def __init__(self, url: str) -> None:
        self.address = parse_address(url)
        self._client: Any = None
        self._lock = threading.RLock()

    def call(self, method: str, *arguments: Any, timeout: float = CALL_SECONDS, **options: Any) -> Any:
        """Call a method of MilvusClient. Raises NotThereError, IndexServerError."""
        client = self._connected()
        with self._translated(method, timeout):
            return getattr(client, method)(*arguments, timeout=timeout, **options)

    def create_collection(self, name: str, fields: Fields) -> None:
        """Make a collection; its first field is the primary key."""
        schema = self._connected().create_schema(auto_id=False, enable_dynamic_field=False)
        from pymilvus import DataType

        for number, (field, (kind, options)) in enumerate(fields.items()):
            schema.add_field(field, DataType[kind], is_primary=number == 0, **options)
        self.call("create_collection", name, schema=schema, consistency_level="Strong", timeout=BUILD_SECONDS)

    def create_indexes(self, collection: str, fields: Indexes) -> None:
        """Index fields of a collection."""
        indexes = self._connected().prepare_index_params()
        for field, (kind, metric, parameters) in fields.items():
            indexes.add_index(field, index_type=kind, metric_type=metric, params=parameters)
        # milvus-lite has made an index when it answers; of a cluster pymilvus asks every half second until it has.
        self.call("create_index", collection, indexes, timeout=BUILD_SECONDS, sync=not self.is_lite())

    def is_lite(self) -> bool:
        """Tell whether this is milvus-lite, from a file or behind an address."""
        return "lite" in self.call("get_server_version")

    def _connected(self) -> Any:
        """Return the connection, after making it if there is none. Raises IndexServerError, IndexBusyError."""
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def close(self) -> None:
        """Give the connection up; the next call makes another."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def check_file(self) -> None:
        """Raise IndexMissingError if the file of milvus-lite is not there: connecting would make an empty one."""
        if self.address.file and not Path(self.address.file).exists():
            raise IndexMissingError(f"there is no index in {self.address.name} yet. Run: youju build")

    def _connect(self) -> Any:
        try:
            from pymilvus import MilvusClient
            from pymilvus.exceptions import ConnectionConfigException
        except ImportError as error:
            raise self._uninstalled("pymilvus") from error
        for library in ("pymilvus", "milvus_lite"):
            # They log each failure with its traceback; our errors say the same in one line.
            logging.getLogger(library).setLevel(logging.CRITICAL)
        address = self.address
        if address.file:
            Path(address.file).parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._translated("connecting", CONNECT_SECONDS):
                return MilvusClient(
                    address.uri,
                    token=address.token,
                    db_name=address.database,
                    timeout=CONNECT_SECONDS,
                    dedicated=True,
                    grpc_options=CHANNEL,
                )
        except ConnectionConfigException as error:
            if isinstance(error.__cause__, ImportError):
                raise self._uninstalled("milvus-lite") from error
            raise IndexBusyError(
                f"{address.name} cannot be opened: another process (a server, a build) has it open, or it is no file "
                "of milvus-lite. Stop that process, or run a Milvus server for several"
            ) from error

    def _uninstalled(self, library: str) -> IndexProblem:
        return IndexProblem(
            f"{self.address.name} needs {library}, which is not installed. Run: pip install 'youju[milvus]'"
        )

    @contextlib.contextmanager
    def _translated(self, method: str, timeout: float) -> Iterator[None]:
        """Turn what the server said, or that it said nothing, into our errors; bugs of ours propagate."""
        import grpc
        from pymilvus.exceptions import MilvusException

        try:
            yield
        except grpc.RpcError as error:
            self.close()
            raise self._unanswered(error.code().name, method, timeout) from error
        except MilvusException as error:
            message = " ".join(error.message.split())
            if error.code in NOT_FOUND:
                raise NotThereError(f"{self.address.name}: {message}") from error
            if error.code == NOT_LOADED:
                raise NotLoadedError(f"{self.address.name}: {message}") from error
            code = error.__cause__.code() if isinstance(error.__cause__, grpc.RpcError) else error.code
            if code == CONNECT_FAILED or isinstance(code, grpc.StatusCode):
                self.close()
                raise self._unanswered(getattr(code, "name", "UNAVAILABLE"), method, timeout) from error
            if type(error) is not MilvusException:
                raise
            raise IndexServerError(f"the Milvus server {self.address.name} failed at {method}: {message}") from error

    def _unanswered(self, code: str, method: str, timeout: float) -> IndexServerError:
        server = f"the Milvus server {self.address.name}"
        if code in NOT_ALLOWED:
            return IndexServerError(f"{server} refuses the user or the password; correct them in the address")
        if code in NO_ANSWER:
            return IndexServerError(
                f"{server} does not answer ({method}, within {timeout:.0f} s); is it running, is the address right?"
            )
        return IndexServerError(f"{server} failed at {method}: {code}")
