"""Command line of the pages: settings, an address that answers at once, the page, and the voice in the background.

Safe by default: the loopback address; another one, or a public link, only with a user name and a password. gradio and
torch are imported when the address answers already.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from config import LOOPBACK, Config, is_loopback, parse_int, parse_port, resolve_path
from errors import ConfigError, GSVError
from pages.antechamber import Antechamber
from pages.context import PageContext, PageSettings
from pages.live import LiveStore
from pages.scratch import MIB, QUOTA, Scratch, open_folder
from pages.voice import Voice
from tools.i18n import Translator

if TYPE_CHECKING:
    import gradio as gr

logger = logging.getLogger(__name__)

LEAST_PASSWORD = 8
TEMP_VARIABLE = "GRADIO_TEMP_DIR"


def start(port_setting: str, main_page: bool, argv: Sequence[str] | None = None) -> int:
    """Serve a page until it is interrupted. Returns the exit code (2 for an error of the user's).

    Args:
        port_setting: name of the setting in :class:`config.Config` that holds this page's port.
        main_page: the page with data set and training, else inference alone.
        argv: arguments, sys.argv where None.
    """
    arguments = parse_arguments(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = read_settings(arguments, port_setting)
        with _ended_by_signal() as asked, open_folder() as folder:
            os.environ[TEMP_VARIABLE] = str(folder)  # the one way to tell gradio where uploads go
            page = open_page(make_context(settings, folder, main_page), main_page)
            if asked.is_set():  # a signal during an import may end in the imported package's own except
                page.close(verbose=False)
            else:
                page.block_thread()
    except GSVError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except KeyboardInterrupt:
        logger.info("stopped while starting")
    return 0


@contextmanager
def _ended_by_signal() -> Iterator[threading.Event]:
    """SIGTERM ends the block as Ctrl+C does, so that jobs are stopped and folders removed; a second one is ignored.

    Gives what says whether a signal came.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main one may handle signals
        yield asked
        return

    def stop(*_: object) -> NoReturn:
        asked.set()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; values are checked by :func:`read_settings`."""
    parser = argparse.ArgumentParser(description="The GPT-SoVITS page, by default for this computer only.")
    parser.add_argument("language", nargs="?", help="of the page: zh_CN, en_US, ja_JP, ko_KR; auto: the browser's")
    parser.add_argument("--port", help="port to listen on (default: the setting's)")
    parser.add_argument(
        "--host",
        default=LOOPBACK,
        help="address to listen on; another than this computer's own needs --user and a password",
    )
    parser.add_argument(
        "--share", action="store_true", default=None, help="public link of gradio's; needs --user and a password"
    )
    parser.add_argument("--user", help="name to log in with (default: variable webui_user)")
    parser.add_argument(
        "--password",
        help="password to log in with; better in the variable webui_password, which "
        "other users of the machine cannot see",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="FOLDER",
        help="folder outside the project that the page may read and write; may be repeated",
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="NAME",
        help="further name under which browsers reach the page, such as a proxy's; may be repeated",
    )
    parser.add_argument(
        "--quota", default=QUOTA // MIB, metavar="MIB", help="for uploads and speeches together (default: 2048)"
    )
    return parser.parse_args(argv)


def read_settings(arguments: argparse.Namespace, port_setting: str) -> PageSettings:
    """Arguments over environment over defaults.

    Raises:
        ConfigError: a value that cannot be used, or a page open to others without a user name and password.
    """
    config = Config.from_environment(
        language=arguments.language,
        is_share=arguments.share,
        webui_user=arguments.user,
        webui_password=arguments.password,
        **{port_setting: arguments.port},
    )
    login = _login(config)
    if login is None and (config.is_share or not is_loopback(arguments.host)):
        what = "a public link is asked for (is_share or --share)" if config.is_share else f"--host {arguments.host}"
        raise ConfigError(
            f"{what} without a login",
            "a user name and a password for a page that others can reach",
            "give --user and set the variable webui_password, or leave the page on this computer",
        )
    return PageSettings(
        host=arguments.host,
        port=parse_port("port", getattr(config, port_setting)),
        share=config.is_share,
        login=login,
        allow=tuple(_folder(name) for name in arguments.allow),
        language=config.language,
        exp_root=Path(config.exp_root),
        names=tuple(arguments.name),
        quota=parse_int("--quota", arguments.quota, 64, 2**24) * MIB,
    )


def _login(config: Config) -> tuple[str, str] | None:
    user, password = config.webui_user, config.webui_password
    if not user and not password:
        return None
    if not user or not password:
        raise ConfigError(
            "half a login is given",
            "both a user name and a password",
            "give --user and set the variable webui_password",
        )
    if len(password) < LEAST_PASSWORD:
        raise ConfigError(f"the password has {len(password)} characters", f"at least {LEAST_PASSWORD}")
    return user, password


def _folder(name: str) -> Path:
    folder = resolve_path(name)
    if not folder.is_dir():
        raise ConfigError(f"--allow {name} is no folder", "a folder that is there")
    return folder


def make_context(settings: PageSettings, uploads: Path, main_page: bool, voice: Voice | None = None) -> PageContext:
    """What the tabs are given. Imports gradio nowhere; the visitor's language is asked for when a page is there."""

    def accept_language() -> str:
        from pages.guard import accept_language as ask

        return ask()

    runner = None
    if main_page:
        from pages.jobs import JobRunner

        jobs = JobRunner(settings.exp_root / "jobs")  # one for all tabs and visitors: trainings wait for each other

        def runner() -> JobRunner:
            return jobs

    return PageContext(
        settings,
        Translator(settings.language, accept_language),
        voice or Voice(),
        uploads,
        live=LiveStore(uploads / "speeches"),
        new_runner=runner,
    )


def open_page(context: PageContext, main_page: bool) -> gr.Blocks:
    """Answer on the address at once, then build and serve the page from threads of its own.

    Raises:
        ConfigError: the port is taken.
    """
    settings = context.settings
    antechamber = Antechamber(settings.host, settings.port, settings.language)
    logger.info("the page opens on http://%s:%d", in_url(settings.host), antechamber.port)
    try:
        from pages import main_page as pages  # takes seconds: gradio

        page = pages.build_main_page(context) if main_page else pages.build_inference_page(context)
    finally:
        antechamber.close()
    url = launch(page, context, antechamber.port)
    logger.info("page: %s", url)
    context.voice.load_in_background()
    return page


def in_url(host: str) -> str:
    """``host`` as it stands in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def launch(page: gr.Blocks, context: PageContext, port: int) -> str:
    """Serve ``page`` and give its URL; port 0 takes a free one.

    Raises:
        ConfigError: the port is taken.
    """
    from starlette.middleware import Middleware

    from pages.doors import Doors
    from pages.guard import MAX_UPLOAD
    from pages.localise import Localise
    from pages.look import CSS, HEAD

    settings = context.settings
    doors = Middleware(Doors, settings=settings, scratch=Scratch(context.uploads, settings.quota))
    more = {"middleware": [doors, Middleware(Localise, language=settings.language)], "routes": [context.live.route()]}
    try:
        _, url, _ = page.launch(
            server_name=in_url(settings.host),
            server_port=port or None,
            share=settings.share,
            quiet=True,
            auth=settings.login,
            inbrowser=False,
            prevent_thread_lock=True,
            app_kwargs=more,
            max_file_size=MAX_UPLOAD,
            enable_monitoring=False,
            css=CSS,
            head=HEAD,
            footer_links=["api"],
            ssr_mode=False,
            _frontend=False,
        )  # no check of the address, for which a busy machine is too slow
    except OSError as error:
        raise ConfigError(
            f"port {port} cannot be opened on {settings.host}",
            "a free port",
            "end the program that uses it or choose another with --port",
        ) from error
    except ValueError as error:  # gradio gives its own page three seconds to answer, too few on a busy machine
        if settings.share or not getattr(page, "is_running", False):
            raise ConfigError(f"the page cannot be served ({error})", "a page that this computer reaches") from error
        logger.warning("the page answers slowly: this machine is busy")
        url = page.local_url
    return str(url)
