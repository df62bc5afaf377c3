"""Can a file be downloaded? Asked with a short limit, for libraries that retry for minutes."""

import threading
import time

PATIENCE = 4.0  # seconds after which a silent network counts as none

_MEMORY = 60.0  # seconds for which an answer holds: one run asks for several splits
_answers: dict[str, tuple[float, str]] = {}


def why_unreachable(url: str, patience: float = PATIENCE) -> str:
    """ "" if `url` answers within `patience` seconds, else the reason in a few words.

    It asks as TFDS itself does, by `requests`, so that proxies and certificates count alike;
    only the headers are read. URLs other than http(s) are not tried and count as reachable.
    """
    if not url.startswith(("http://", "https://")):
        return ""
    asked, answer = _answers.get(url, (-_MEMORY, ""))
    if time.monotonic() - asked < _MEMORY:
        return answer
    answer = _ask(url, patience)
    _answers[url] = (time.monotonic(), answer)
    return answer


def _ask(url: str, patience: float) -> str:
    # In a thread, because a name that does not resolve can block far beyond any timeout.
    result = []
    thread = threading.Thread(target=lambda: result.append(_get(url, patience)), daemon=True)
    thread.start()
    thread.join(patience + 0.5)  # A timeout of its own gives the better reason.
    return result[0] if result else _silence(patience)


def _get(url: str, patience: float) -> str:
    import requests  # Comes with TFDS; heavy, and only needed where data are not there yet.

    try:
        with requests.get(url, stream=True, timeout=patience) as response:
            # Other refusals (a moved file, say) TFDS meets at once, and words them better.
            return f"HTTP status {response.status_code}" if response.status_code >= 500 else ""
    except requests.Timeout:
        return _silence(patience)
    except requests.RequestException as error:
        return f"no connection: {type(error).__name__}"


def _silence(patience: float) -> str:
    return f"no answer within {patience:g} seconds"
