"""Tables on the terminal."""

import pandas as pd
from rich.console import Console
from rich.table import Table


def show(console: Console, frame: pd.DataFrame, title: str) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    table.add_column(frame.index.name or "")
    for column in frame.columns:
        table.add_column(str(column), justify="right")
    for name, row in frame.iterrows():
        table.add_row(str(name), *(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row))
    console.print(table)
