"""The `altheory` command."""

import os
import sys
import warnings
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)


class Until(Enum):
    """When to stop adding trials."""

    settled = "settled"


Names = Annotated[list[str] | None, typer.Option(help="A policy to run; repeat for more. All, where none is given.")]


@app.command()
def study(
    name: Annotated[str | None, typer.Argument(help="The study to run; without a name the studies are listed.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Independent runs of each policy.")] = None,
    horizon: Annotated[int | None, typer.Option(help="Rounds in a run.")] = None,
    policy: Names = None,
    data: Annotated[
        Path | None, typer.Option(help="Your features and labels, or recorded outcomes: .npz, .npy, .csv, .parquet.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="The label column of --data, or FILE:COLUMN.")] = None,
    budget: Annotated[float | None, typer.Option(help="Money a run may spend.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for results; out/NAME by default.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from what an interrupted run left in the folder.")] = False,
    seed: Annotated[int, typer.Option(help="The key that all randomness comes from.")] = 0,
    distributed: Annotated[bool, typer.Option(help="Run over several processes or hosts.")] = False,
    coordinator: Annotated[str | None, typer.Option(help="HOST:PORT of process 0, where no cluster says it.")] = None,
    processes: Annotated[int | None, typer.Option(help="How many processes, where no cluster says it.")] = None,
    process: Annotated[int | None, typer.Option(help="This process's number, from 0.")] = None,
) -> None:
    """Run a built-in study: a figure, a table, and everything needed to make them again."""
    from altheory.cli.studies import STUDIES

    if name is None:
        width = max(map(len, STUDIES))
        typer.echo("\n".join(f"{key:{width}}  {value.about}" for key, value in STUDIES.items()))
        return
    _devices(distributed, coordinator, processes, process)
    from rich.console import Console

    from altheory.cli.run import run_study

    if labels is not None and data is None:
        raise ValueError("--labels needs --data: give the file whose labels they are")
    console = Console(quiet=bool(process), width=None if sys.stdout.isatty() else 120)
    try:
        files = run_study(
            name, seeds=seeds, horizon=horizon, wanted=policy or (), data=data, labels=labels,
            budget=budget, out=out or Path("out") / name, resume=resume, seed=seed, console=console,
        )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo("altheory: interrupted; what was finished is kept, and --resume goes on from it", err=True)
        raise typer.Exit(130) from None
    for path in files:
        typer.echo(path)


@app.command()
def verify(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Theorems; all, without.")] = None,
    id: Annotated[list[str] | None, typer.Option(help="A theorem's id, as the argument; repeat for more.")] = None,
    family: Annotated[list[str] | None, typer.Option(help="A family of theorems; repeat for more.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Trials for each instance.")] = None,
    report: Annotated[Path | None, typer.Option(help="An HTML page with a picture for each theorem.")] = None,
    mutants: Annotated[bool, typer.Option(help="Check broken algorithms: each must come out violated.")] = False,
    quick: Annotated[bool, typer.Option(help="The first instance and a tenth of the trials: two minutes.")] = False,
    until: Annotated[Until | None, typer.Option(help="Double the trials until each verdict settles.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; one a core, or one where there is a GPU.")] = None,
) -> None:
    """Try to break every theorem, or see every mutant broken; exit code 1 where that fails."""
    _devices(False, None, None, None, cores=1 if workers != 1 else None)
    import jax

    from altheory.cli.theorems import run_verify

    if workers is None:
        workers = _cores() if jax.default_backend() == "cpu" else 1
    good = run_verify(
        [*(ids or ()), *(id or ())], families=family or (), seeds=seeds, mutants=mutants, report=report, quick=quick,
        until=None if until is None else until.value, workers=workers,
    )  # fmt: skip
    if not good:
        raise typer.Exit(1)


@app.command()
def design(
    pool: Annotated[Path, typer.Argument(help="A .npy matrix of items x features (read as it is, memory-mapped).")],
    n: Annotated[int, typer.Option("-n", "--observations", help="How many observations to spend.")],
    criterion: Annotated[str, typer.Option(help="d, g, a, e, i, c or xy.")] = "g",
    tol: Annotated[float, typer.Option(help="The gap to certify.")] = 1e-6,
    targets: Annotated[Path | None, typer.Option(help="A .npy of target rows, for i and xy (one row for c).")] = None,
    prices: Annotated[Path | None, typer.Option(help="A .npy of prices, one an item.")] = None,
    budget: Annotated[float | None, typer.Option(help="Mean price of an observation, at most.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for results.")] = Path("out/design"),
) -> None:
    """Pick items from a pool by optimal design: prints the certificate, writes items, weights and figure."""
    from rich.console import Console

    from altheory.cli.designs import run_design

    files = run_design(
        pool, criterion=criterion, n=n, tol=tol, targets=targets, prices=prices, budget=budget, out=out,
        console=Console(width=None if sys.stdout.isatty() else 120),
    )  # fmt: skip
    for path in files:
        typer.echo(path)


@app.command()
def stop(
    trace: Annotated[Path, typer.Argument(help="Your run: a .csv, .parquet or .nc of labels, accuracy[, cost].")],
    error_cost: Annotated[float, typer.Option(help="What one wrong prediction costs.")],
    uses: Annotated[float, typer.Option(help="How many predictions will be made with the model.")],
    label_price: Annotated[float | None, typer.Option(help="What one more label costs; as of late by default.")] = None,
    doubt: Annotated[float, typer.Option(help="Stop where the next labels pay with at most this probability.")] = 0.1,
    policy: Annotated[str | None, typer.Option(help="The policy to read of a study with several.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for results.")] = Path("out/stop"),
) -> None:
    """Say whether to stop buying labels, and why: the predicted curve, what labels and errors cost, and a figure."""
    from rich.console import Console

    from altheory.cli.stop_command import run_stop

    files = run_stop(
        trace, label_price=label_price, error_cost=error_cost, uses=uses, doubt=doubt, policy=policy, out=out,
        console=Console(width=None if sys.stdout.isatty() else 120),
    )  # fmt: skip
    for path in files:
        typer.echo(path)


@app.command()
def route(
    table: Annotated[
        Path | None, typer.Argument(help="Recorded outcomes: .parquet or .csv of item, model, correct, usd.")
    ] = None,
    budget: Annotated[
        list[float] | None, typer.Option(help="Dollars for all routed prompts; repeat for more. A grid by default.")
    ] = None,
    features: Annotated[Path | None, typer.Option(help="A .npy of prompt embeddings, a row an item.")] = None,
    prompts: Annotated[
        str | None, typer.Option(help="The column with the prompts' texts: embedded, or hashed n-grams.")
    ] = None,
    dim: Annotated[int, typer.Option(help="Leading components of the features to use.")] = 4,
    held_in: Annotated[float, typer.Option(help="The share of prompts, all answers known, to learn from first.")] = 0.5,
    person: Annotated[float | None, typer.Option(help="Dollars for an answer by a person, one more arm.")] = None,
    person_right: Annotated[float, typer.Option(help="How often that person is right.")] = 0.97,
    seeds: Annotated[int, typer.Option(help="Orders in which the prompts come.")] = 20,
    seed: Annotated[int, typer.Option(help="The key that all randomness comes from.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for results.")] = Path("out/route"),
) -> None:
    """Route prompts among models under a budget: quality against cost of several policies, on your own table."""
    _devices(False, None, None, None)
    from rich.console import Console

    from altheory.cli.route_command import run_route

    files = run_route(
        table, features=features, prompts=prompts, budget=budget, dim=dim, held_in=held_in, person=person,
        person_right=person_right, seeds=seeds, seed=seed, out=out,
        console=Console(width=None if sys.stdout.isatty() else 140),
    )  # fmt: skip
    for path in files:
        typer.echo(path)


@app.command()
def label(
    texts: Annotated[Path, typer.Argument(help="A .csv or .parquet with a column of texts.")],
    classes: Annotated[str, typer.Option(help="The labels, with commas between.")],
    labeler: Annotated[Path, typer.Option(help="A .toml of [[labeler]] blocks: see docs/live.md.")],
    budget: Annotated[float, typer.Option(help="Dollars: never exceeded.")],
    column: Annotated[str, typer.Option(help="The column with the texts.")] = "text",
    policy: Annotated[str, typer.Option(help="bald, entropy or margin, each also with /$; or random.")] = "bald/$",
    rounds: Annotated[
        int | None, typer.Option(help="Rounds at most; as many as there are labels, if not given.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Labels bought at once in a round.")] = 8,
    dim: Annotated[int, typer.Option(help="Leading components of the texts' features to use.")] = 32,
    dry_run: Annotated[bool, typer.Option(help="Say what it may cost, and call no one.")] = False,
    resume: Annotated[bool, typer.Option(help="Go on from what a run left in the folder.")] = False,
    seed: Annotated[int, typer.Option(help="The key that all randomness comes from.")] = 0,
    audit: Annotated[
        str | None, typer.Option(help="A column with labels a person gave, empty where none: accuracy is told by it.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the labels and the journal.")] = Path("out/label"),
) -> None:
    """Label texts by LLMs or simulated labelers, in the order a policy chooses, under a hard budget."""
    _devices(False, None, None, None)
    from rich.console import Console

    from altheory.cli.label_command import run_label

    try:
        files = run_label(
            texts, column=column, classes=[c.strip() for c in classes.split(",")], labeler=labeler, policy=policy,
            budget=budget, rounds=rounds, batch=batch, dim=dim, dry_run=dry_run, resume=resume, seed=seed, out=out,
            audit=audit, console=Console(width=None if sys.stdout.isatty() else 120),
        )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo("altheory: interrupted; what was paid for is kept, and --resume goes on from it", err=True)
        raise typer.Exit(130) from None
    for path in files:
        typer.echo(path)


@app.command()
def journal(
    file: Annotated[Path, typer.Argument(help="The journal of a run: run.db.")],
    export: Annotated[Path | None, typer.Option(help="Write every call to this .parquet or .csv.")] = None,
) -> None:
    """Show a live run's money and calls, and audit its books; exit code 1 where they are not in order."""
    from rich.console import Console

    from altheory.cli.label_command import run_journal

    if not run_journal(file, export=export, console=Console(width=None if sys.stdout.isatty() else 120)):
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    from altheory import __version__

    typer.echo(__version__)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _devices(
    distributed: bool, coordinator: str | None, processes: int | None, process: int | None, cores: int | None = None
) -> None:
    """One device for each core of a CPU, compiled programs kept between runs, processes joined where asked."""
    if (processes is None) != (process is None) or (coordinator is not None and not distributed):
        raise ValueError("--processes, --process and --coordinator go together, with --distributed")
    flags = os.environ.get("XLA_FLAGS", "")
    cores = 1 if distributed else cores or _cores()
    if "host_platform_device_count" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={cores}".strip()
    # Batched LAPACK calls of several CPU devices wait on one another when the thread pool is small.
    os.environ.setdefault("NPROC", str(max(8, 4 * cores)))
    import jax

    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "altheory" / "jax"
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache))
    if distributed:
        # Another process might read a program that is still being written.
        jax.config.update("jax_enable_compilation_cache", False)
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(coordinator, processes, process)


def main() -> None:
    """Run the command: bad input ends in one sentence and exit code 2, an interrupt in 130."""
    warnings.filterwarnings("default", module="altheory")
    try:
        app()
    except (ValueError, TypeError, OSError) as error:
        typer.echo(f"altheory: {error}", err=True)
        sys.exit(2)
