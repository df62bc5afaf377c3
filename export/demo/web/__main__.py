"""Serves the page on this machine: `python -m export.demo.web --model=OUT/generator.tflite`.

Needs the standard library alone. Any web server will do in its place: give it index.html,
the .js files, node_modules/@litertjs and the .tflite.
"""

import argparse
import functools
import http.server
import pathlib
import sys
import urllib.parse

PAGE = pathlib.Path(__file__).resolve().parent
RUNTIME = pathlib.PurePosixPath("@litertjs/core/dist/index.js")
PAGE_FILES = ("index.html", "app.js", "model.js", "latents.js")


class Handler(http.server.SimpleHTTPRequestHandler):
    """The page's own files, the runtime from node_modules, and one model."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".tflite": "application/octet-stream",
    }

    def __init__(self, *args, model: pathlib.Path, node_modules: pathlib.Path, **kwargs):
        self._model, self._node_modules = model, node_modules
        super().__init__(*args, **kwargs)

    def translate_path(self, path):
        parts = pathlib.PurePosixPath(urllib.parse.unquote(urllib.parse.urlsplit(path).path)).parts[1:]
        name = "/".join(parts) or "index.html"
        if name in PAGE_FILES:
            return str(PAGE / name)
        if name == "model.tflite":
            return str(self._model)
        if parts[:2] == ("node_modules", "@litertjs") and ".." not in parts:
            return str(self._node_modules.joinpath(*parts[1:]))
        return str(PAGE / "there is no such file")

    def end_headers(self):
        # An export that was made again must not be hidden by the browser's memory of it.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format, *args):
        """Says nothing of requests that went well."""

    def log_error(self, format, *args):
        super().log_message(format, *args)


def find_node_modules(asked: str) -> pathlib.Path:
    """The node_modules that holds LiteRT.js: the asked one, the page's, or the current folder's.

    Raises:
      FileNotFoundError: with a sentence that says how to get it.
    """
    candidates = [pathlib.Path(asked)] if asked else [PAGE / "node_modules", pathlib.Path("node_modules")]
    for folder in candidates:
        if (folder / RUNTIME).is_file():
            return folder.resolve()
    raise FileNotFoundError(
        f"LiteRT.js is not in {' or '.join(map(str, candidates))}: run `npm ci` in {PAGE}, "
        "or `npm install @litertjs/core` anywhere and name its folder with --node_modules"
    )


def serve(model: pathlib.Path, node_modules: pathlib.Path, port: int) -> http.server.ThreadingHTTPServer:
    """A server on this machine, not yet running; port 0 takes a free one."""
    handler = functools.partial(Handler, model=model, node_modules=node_modules)
    return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(
        "python -m export.demo.web", description="serve the page that draws with a .tflite file"
    )
    parser.add_argument("--model", required=True, type=pathlib.Path, help="an exported .tflite file")
    parser.add_argument("--port", type=int, default=8000, help="port on this machine; 0: any free one")
    parser.add_argument("--node_modules", default="", help="the folder with @litertjs/core; by default the page's own")
    asked = parser.parse_args(arguments)
    try:
        if not asked.model.is_file():
            raise FileNotFoundError(f"--model={asked.model} is not a file; name an exported .tflite")
        server = serve(asked.model.resolve(), find_node_modules(asked.node_modules), asked.port)
    except (OSError, OverflowError) as error:
        reason = error if isinstance(error, FileNotFoundError) else f"--port={asked.port}: {error}"
        print(f"error: {reason}", file=sys.stderr)
        return 2
    print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
