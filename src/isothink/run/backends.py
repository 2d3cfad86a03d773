"""Backends by name: the only place that knows which module implements what. Imported on use."""

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from isothink.errors import MissingDependencyError
from isothink.scoring.verification import Check, CheckResult, Comparison, verify

if TYPE_CHECKING:
    from isothink.backends.hub_sets import HubRows
    from isothink.benchmark.protocol import Answerer, Answering, Juror
    from isothink.corpus.protocol import Tokenizer
    from isothink.domain.benchmark_settings import Benchmark
    from isothink.domain.evaluation_settings import AnswererSettings, Judge
    from isothink.domain.prompt_settings import HubSet
    from isothink.domain.student_settings import StudentSettings
    from isothink.domain.study import PairStudy, Study
    from isothink.domain.teacher_settings import ModelTeacher, RecordedTeacher, SymbolicTeacher
    from isothink.student.protocol import Processes, Reporter, Trainer
    from isothink.teacher.protocol import Teacher, TokenCounter

TEACHERS = {
    "symbolic": "isothink.backends.symbolic:SymbolicTeacher",
    "openai": "isothink.backends.openai_teacher:ServedTeacher",
    "transformers": "isothink.backends.transformers_teacher:LocalTeacher",
}
TOKEN_COUNTERS = {"tokenizer": "isothink.backends.token_counter:TeacherTokenCounter"}
HUB_MODELS = {"config": "isothink.backends.hub_models:read_hub_config"}
HUB_UPLOADS = {"huggingface_hub": "isothink.backends.hub_upload:upload_student"}
HUB_SETS = {"datasets": "isothink.backends.hub_sets:read_hub_set"}
MATH_CHECKERS = {"math-verify": "isothink.backends.math_checker:MathVerifyChecker"}
INSTRUCTION_CHECKERS = {"lm-eval": "isothink.backends.instruction_checker:IfevalChecker"}
INSTRUCTION_LIBRARIES = ("lm_eval", "langdetect", "immutabledict", "nltk")
TOKENIZERS = {
    "words": "isothink.backends.words:WordsTokenizer",
    "transformers": "isothink.backends.chat_tokenizer:ChatTokenizer",
}
VOCABULARIES = {"transformers": "isothink.backends.chat_tokenizer:local_vocabulary"}
TRAINERS = {"transformers": "isothink.backends.transformers_trainer:TransformersTrainer"}
ANSWERERS = {
    "transformers": "isothink.backends.transformers_answerer:TransformersAnswerer",
    "vllm": "isothink.backends.vllm_answerer:VllmAnswerer",
    "openai": "isothink.backends.openai_answerer:ServedAnswerer",
}
JUDGES = {"openai": "isothink.backends.openai_judge:ServedJudge"}
CREDENTIALS = {"environment": "isothink.backends.openai_secrets:read_headers"}
KINDS = {"teacher": TEACHERS, "tokenizer": TOKENIZERS, "trainer": TRAINERS, "answerer": ANSWERERS}


TEACHER_LIBRARIES = {"openai": ("aiohttp", "tenacity"), "transformers": ("torch", "transformers")}
TRAIN_LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")


def require_train_libraries() -> None:
    """Looks whether the libraries of the `train` extra are installed, without importing them.

    Raises:
        MissingDependencyError: naming the first that is not.
    """
    for library in TRAIN_LIBRARIES:
        if find_spec(library) is None:
            raise MissingDependencyError(
                f"running a study needs {library}, which is not installed", hint="pip install 'isothink[train]'"
            )


def require_generate_libraries(study: "PairStudy") -> None:
    """Looks whether what reads a study's prompts and asks its teacher is installed, without importing it.

    Raises:
        MissingDependencyError: naming the first library that is not, and the extra that brings it.
    """
    teacher, sets = study.teacher, study.prompts.sets if study.prompts.backend == "data" else ()
    needed = [(library, "asking the teacher") for library in TEACHER_LIBRARIES.get(teacher.backend, ())]
    if any(chosen.kind == "hub" for chosen in sets):
        needed.append(("datasets", "reading prompts from the Hub"))
    if any(benchmark.rows.kind == "hub" for benchmark in _benchmarks_of(study)):
        needed.append(("datasets", "reading benchmarks from the Hub"))
    for library, purpose in needed:
        if find_spec(library) is None:
            raise MissingDependencyError(
                f"{purpose} needs {library}, which is not installed",
                hint=f"pip install 'isothink[{EXTRAS.get(library, 'train')}]'",
            )
    require_scorers({chosen.answer_format for chosen in sets if chosen.answer_format is not None})


def _benchmarks_of(study: "PairStudy") -> "tuple[Benchmark, ...]":
    """Those whose items prompts are compared with, which a study that makes pairs only has none of."""
    from isothink.domain.study import Study

    if not isinstance(study, Study):
        return ()
    return tuple(each for each in study.evaluation.benchmarks if each.name in study.evaluation.tasks)


def require_scorers(formats: Collection[str]) -> None:
    """Looks whether answers of these formats can be scored, without importing anything.

    Raises:
        MissingDependencyError: they cannot.
    """
    if "math" in formats and find_spec("math_verify") is None:
        raise MissingDependencyError(
            "comparing mathematics needs math-verify, which is not installed", hint="pip install 'isothink[generate]'"
        )
    missing = next((library for library in INSTRUCTION_LIBRARIES if find_spec(library) is None), None)
    if "ifeval" in formats and missing is not None:
        raise MissingDependencyError(
            f"checking IFEval's instructions needs {missing}, which is not installed",
            hint="pip install 'isothink[ifeval]'",
        )


REPORTERS = {
    "tensorboard": "isothink.backends.metric_reporters:TensorBoard",
    "wandb": "isothink.backends.metric_reporters:WeightsAndBiases",
    "trackio": "isothink.backends.metric_reporters:Trackio",
}


def require_reporters(names: Sequence[str]) -> None:
    """Looks whether the libraries that metrics go to are installed, without importing them.

    Raises:
        MissingDependencyError: naming the first that is not.
    """
    for name in names:
        if find_spec(name) is None:
            raise MissingDependencyError(
                f"resources.report_to: {name} is not installed", hint=f"pip install {name}, or leave it out"
            )


EXTRAS = {
    **dict.fromkeys(("aiohttp", "tenacity", "datasets", "math_verify", "huggingface_hub"), "generate"),
    "vllm": "vllm",
}
"""Which extra brings a library; the others come with `train`."""


def _load(table: dict[str, str], name: str) -> Callable[..., Any]:
    module, _, attribute = table[name].partition(":")
    try:
        return getattr(import_module(module), attribute)  # type: ignore[no-any-return]
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("isothink"):
            raise
        extra = EXTRAS.get(error.name.partition(".")[0], "train")
        raise MissingDependencyError(
            f"backend {name} needs {error.name}, which is not installed", hint=f"pip install 'isothink[{extra}]'"
        ) from None


def load_teacher(settings: "SymbolicTeacher | ModelTeacher") -> "Teacher":
    """A teacher."""
    return _load(TEACHERS, settings.backend)(settings)  # type: ignore[no-any-return]


def load_token_counter(settings: "SymbolicTeacher | RecordedTeacher | ModelTeacher") -> "TokenCounter | None":
    """What counts a teacher's tokens here; None where the study names no tokenizer."""
    name = None
    if settings.backend in {"openai", "recorded"}:
        name = settings.tokenizer
    elif settings.backend == "transformers" and settings.gguf_file is None:
        name = settings.model
    return _load(TOKEN_COUNTERS, "tokenizer")(name) if name is not None else None


def upload_student(folder: Path, repository: str) -> str:
    """Uploads a finished student to the Hub; see backends/hub_upload.py."""
    uploaded: str = _load(HUB_UPLOADS, "huggingface_hub")(folder, repository)
    return uploaded


def load_hub_set(settings: "HubSet") -> "HubRows":
    """A data set of the Hub, opened."""
    return _load(HUB_SETS, "datasets")(settings)  # type: ignore[no-any-return]


def load_hub_config(model: str, revision: str | None) -> Mapping[str, Any]:
    """The configuration of a model on the Hub."""
    return _load(HUB_MODELS, "config")(model, revision)  # type: ignore[no-any-return]


class Verification:
    """Compares answers with references; a pool of processes starts with the first answer that needs it."""

    def __init__(self) -> None:
        self._checkers: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for checker in self._checkers.values():
            checker.__exit__(kind, error, trace)

    def verify(self, checks: Sequence[Check]) -> Sequence[CheckResult]:
        """One result for each check."""
        return verify(checks, self, self)

    def check(self, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
        """See MathChecker."""
        return self._checker(MATH_CHECKERS, "math-verify").check(pairs)  # type: ignore[no-any-return]

    def follow(self, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
        """See InstructionChecker."""
        return self._checker(INSTRUCTION_CHECKERS, "lm-eval").follow(pairs)  # type: ignore[no-any-return]

    def _checker(self, table: dict[str, str], name: str) -> Any:
        if name not in self._checkers:
            self._checkers[name] = _load(table, name)().__enter__()
        return self._checkers[name]


def load_tokenizer(study: "Study") -> "Tokenizer":
    """The tokenizer of a study's students; code of its model runs only where the student of that model allows it."""
    settings = study.tokenizer
    runs_remote_code = settings.backend == "transformers" and any(
        student.model == settings.model and student.remote_code != "never" for student in study.students
    )
    load = _load(TOKENIZERS, settings.backend)
    return load(settings, study.rendering, runs_remote_code=runs_remote_code)  # type: ignore[no-any-return]


def load_vocabulary(settings: "StudentSettings") -> Mapping[str, int] | None:
    """The vocabulary of the tokenizer that comes with a student's model, where it is on this machine."""
    return _load(VOCABULARIES, settings.backend)(settings.model, settings.revision)  # type: ignore[no-any-return]


def load_trainer(name: str) -> "Trainer":
    """A trainer."""
    return _load(TRAINERS, name)()  # type: ignore[no-any-return]


def load_answerer(settings: "AnswererSettings", answering: "Answering", tokenizer: "Tokenizer") -> "Answerer":
    """What answers for a student."""
    return _load(ANSWERERS, settings.backend)(settings, answering, tokenizer)  # type: ignore[no-any-return]


def require_credentials(study: "Study") -> None:
    """Looks whether the environment holds what the servers of students and judges are to be told.

    Raises:
        StudyError, UsageError: naming the first that cannot be used.
    """
    served: list[tuple[object, str]] = []
    if study.evaluation.answerer.backend == "openai":
        served.append((study.evaluation.answerer, "evaluation.answerer"))
    judges = study.evaluation.jury.judges if study.evaluation.jury is not None else ()
    served.extend((judge, f"evaluation.jury.judges[{number}]") for number, judge in enumerate(judges))
    for settings, key in served:
        _load(CREDENTIALS, "environment")(settings, key=key)


def load_judge(settings: "Judge", key: str) -> "Juror":
    """One judge of a jury, which the study file names under `key`; its credentials are read from the environment."""
    return _load(JUDGES, "openai")(settings, key=key)  # type: ignore[no-any-return]


def load_process_group() -> "Processes":
    """What connects the processes that train together."""
    return import_module("isothink.backends.process_group")


def load_reporter(name: str, **settings: Any) -> "Reporter":
    """What takes the metrics of one segment."""
    return _load(REPORTERS, name)(**settings)  # type: ignore[no-any-return]


def choose_accelerator(number: int) -> str | None:
    """Makes one of the machine's accelerators this process's own and returns its name; None without any."""
    return _load({"torch": "isothink.backends.accelerators:choose_accelerator"}, "torch")(number)  # type: ignore[no-any-return]
