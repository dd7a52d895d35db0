"""Settings as attributes, as programs for earlier libraries read and set them."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

_Owner = TypeVar("_Owner")
_Value = TypeVar("_Value")


class Setting(Generic[_Owner, _Value]):
    """An attribute that is read from the configuration at each use, until a program sets it."""

    def __init__(self, read: Callable[[_Owner], _Value]) -> None:
        self._read = read
        self._name = ""
        self.__doc__ = read.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "Setting[_Owner, _Value]": ...

    @overload
    def __get__(self, instance: _Owner, owner: type) -> _Value: ...

    def __get__(self, instance: _Owner | None, owner: type) -> Any:
        if instance is None:
            return self
        own = vars(instance)
        return own[self._name] if self._name in own else self._read(instance)

    def __set__(self, instance: _Owner, value: _Value) -> None:
        vars(instance)[self._name] = value

    def __delete__(self, instance: _Owner) -> None:
        vars(instance).pop(self._name, None)
