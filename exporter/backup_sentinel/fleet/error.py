"""What is wrong with a variable of the environment or an option of the command line."""

from backup_sentinel.errors import SentinelError


class SettingError(SentinelError):
    """A variable or an option cannot be used. `where` is its name, `hint` what to do; neither shows a secret."""

    def __init__(self, where: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.where = where
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}"
        return f"{text}\n      hint: {self.hint}" if self.hint else text
