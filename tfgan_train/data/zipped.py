"""`zip:FILE`: a zip archive of pictures, laid out as a folder would be; read in place, nothing is unpacked to disk."""

import functools
import io
import pathlib
import zipfile
import zlib

from tfgan_train.common.errors import UserError, reason
from tfgan_train.common.files import refuse_what_is_no_file
from tfgan_train.data import decode, folder, layout, source, walk

# An archive of pictures hardly shrinks. What grows beyond these when it is read is a bomb, and is refused.
MOST_MEMBER = 512 << 20  # bytes of one picture's file
MOST_GROWTH, SMALL = 200, 1 << 30  # of all members together, once they are more than a GiB

_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OSError)


def load(config, split: str) -> source.Source:
    """The pictures in the archive named in --dataset; splits, labels and damaged files as `folder.load` has them.

    Raises:
      NoSuchSplit: "test" without a folder for it.
      UserError: no such archive, a damaged one, one that grows beyond reason, and what `folder.load` refuses.
    """
    path = pathlib.Path(config.dataset.partition(":")[2]).expanduser()
    refuse_what_is_no_file(path, f"--dataset={config.dataset}")
    try:
        archive = _Archive(path)
    except _DAMAGE as error:
        words = reason(error) if isinstance(error, OSError) else str(error) or type(error).__name__
        raise UserError(f"--dataset={config.dataset}: {path} can't be read as a zip archive: {words}") from None
    return folder.from_layouts(config, split, path, functools.partial(layout.arranged, path, archive.found))


class _Archive:
    """The members of a zip archive, by paths that begin with the archive's own.

    Attributes:
      found: which of them are pictures.

    Raises:
      zipfile.BadZipFile, OSError and others: it is no archive that can be read, or a bomb.
    """

    def __init__(self, path: pathlib.Path):
        self._file = zipfile.ZipFile(path)
        self._members: dict[pathlib.Path, zipfile.ZipInfo] = {}
        self.found = walk.Found(opened=self.open)
        for member in self._file.infolist():
            parts = pathlib.PurePosixPath(member.filename).parts
            if member.is_dir() or not parts or any(part.startswith((".", "/", "__MACOSX")) for part in parts):
                continue
            self._members[path.joinpath(*parts)] = member
        size = sum(member.file_size for member in self._members.values())
        if size > max(SMALL, MOST_GROWTH * path.stat().st_size):
            raise zipfile.BadZipFile(f"its files are {size:,} bytes, over {MOST_GROWTH} times the archive's own")
        for inside in self._members:
            self._take(inside)

    def _take(self, path: pathlib.Path) -> None:
        suffix = path.suffix.lower()
        is_picture = suffix in walk.EXTENSIONS
        if not suffix:
            try:
                with self._file.open(self._members[path]) as file:
                    is_picture = walk.begins_as_picture(file)
            except _DAMAGE:
                pass
        if is_picture:
            self.found.paths.append(path)
        else:
            self.found.others[suffix] += 1

    def open(self, path: pathlib.Path) -> io.BytesIO:
        """One member, whole in memory. Threads may read at once.

        Raises:
          BadImage: it is damaged, encrypted or too large.
        """
        member = self._members[path]
        if member.file_size > MOST_MEMBER:
            raise decode.BadImage(f"has more than {MOST_MEMBER >> 20} MiB")
        if member.flag_bits & 1:
            raise decode.BadImage("is encrypted")
        try:
            return io.BytesIO(self._file.read(member))
        except _DAMAGE as error:
            raise decode.BadImage(" ".join(str(error).split()) or type(error).__name__) from error
