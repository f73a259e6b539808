"""The runtime type checker that tests run the package under: an int where a float is asked for is one."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
