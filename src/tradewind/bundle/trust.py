"""Which bundles may be loaded, by who signed them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

from tradewind.bundle.signing import TrustedKey, read_trusted, signer
from tradewind.errors import BundleError, SettingError

Demand = Literal["require", "warn", "off"]


@final
@dataclass(frozen=True)
class Trust:
    """What is demanded of a bundle before it is loaded."""

    demand: Demand = "off"  # require refuses what nobody trusted has signed, warn only says so
    keys: tuple[TrustedKey, ...] = ()

    @classmethod
    def of(cls, demand: Demand, file: Path | None) -> "Trust":
        """Return what the options of a command ask for.

        Raises:
            SettingError: a demand without keys, keys without a demand, or a file that is wrong.
        """
        if (demand == "off") != (file is None):
            raise SettingError(
                "--signatures", "both or none of --signatures and --trusted-keys", "one of them"
            )
        keys = () if file is None else read_trusted(file)
        if demand == "require" and not keys:
            raise SettingError("--trusted-keys", "one key or more", f"none in {file}")
        return cls(demand, keys)

    def doubt(self, path: Path) -> str:
        """Say why a bundle or model is not trusted; empty when it is, or need not be.

        Whether every byte fits the seal is for `open_bundle` to say.

        Raises:
            BundleError: nobody trusted has signed it, and that is required.
        """
        if self.demand == "off":
            return ""
        found = signer(path, self.keys) if path.is_dir() else None
        if found is not None:
            return ""
        names = ", ".join(key.name for key in self.keys) or "nobody"
        if self.demand == "warn":
            return f"not signed by {names}"
        raise BundleError(
            str(path), f"a bundle signed by {names}", "one that is not",
            "`tradewind sign BUNDLE --key FILE` signs it.",
        )  # fmt: skip
