"""The one registry: every extensible thing is a name that leads to `module:attribute`, imported on first use.

Another package adds names through the entry-point group `fmbench.<what>`. Tasks and models that are data live in
`fmbench.catalog` and are found in the same way, through `CATALOGS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from fmbench.errors import InputError, Problem, nearest


class UnknownName(InputError):
    """A name that the registry does not have; `hint` is the nearest one that it has."""

    def __init__(self, what: str, name: str, known: list[str]) -> None:
        self.hint = nearest(name, known)
        self.message = f"unknown {what} {name!r}"
        if self.hint is None:
            self.message += f" (known: {', '.join(known)})" if known else " (none is registered)"
        super().__init__(Problem(self.message, hint=self.hint))


class Registry(Mapping[str, Any]):
    """Names of one sort of thing -> objects, resolved lazily.

    Args:
        what: singular, for messages ("adaptation").
        entries: name -> "module:attribute".
        group: entry-point group; `fmbench.<plural of what>` unless told otherwise.
        families: prefix -> "module:function" that makes the object of any name `prefix:rest` out of its rest; such
            names are known, but not listed.
    """

    def __init__(
        self,
        what: str,
        entries: Mapping[str, str],
        group: str | None = None,
        families: Mapping[str, str] | None = None,
    ) -> None:
        self.what = what
        self.families = dict(families or {})
        self.group = group or f"fmbench.{what.replace(' ', '_')}s"
        self._entries = dict(entries)
        self._resolved: dict[str, Any] = {}

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group) if point.name not in self._entries}

    def __getitem__(self, name: str) -> Any:
        if name not in self._resolved:
            family, _, rest = name.partition(":")
            if name in self._entries:
                self._resolved[name] = _resolved(self._entries[name])
            elif rest and family in self.families:
                self._resolved[name] = _resolved(self.families[family])(rest)
            elif name in self._plugins:
                self._resolved[name] = self._load(self._plugins[name])
            else:
                raise UnknownName(self.what, name, list(self))
        return self._resolved[name]

    def _load(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except Exception as error:
            package = f" of {point.dist.name}" if point.dist else ""
            what = f"the plugin{package} ({point.value}) cannot be loaded: {type(error).__name__}: {error}"
            raise InputError(f"{self.what} {point.name!r}: {what}") from error

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str) and name.partition(":")[0] in self.families and not name.endswith(":"):
            return True
        return name in self._entries or name in self._plugins

    def __iter__(self) -> Iterator[str]:
        return iter([*self._entries, *self._plugins])

    def __len__(self) -> int:
        return len(self._entries) + len(self._plugins)


def _resolved(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


SOURCES = Registry(
    "data source",
    {
        "files": "fmbench.data.files:Files",
        "hub": "fmbench.data.hub:Hub",
        "corpus": "fmbench.data.corpus:Corpus",
        "generator": "fmbench.data.generator:GeneratorSource",
        "sklearn": "fmbench.data.bundled:Bundled",
    },
)

GENERATORS = Registry(
    "generator",
    {
        "readmission": "fmbench.data.generators.readmission:Readmission",
        "card-fraud": "fmbench.data.generators.card_fraud:CardFraud",
        "credit-drift": "fmbench.data.generators.credit_drift:CreditDrift",
        "preference-logs": "fmbench.data.generators.preference_logs:PreferenceLogs",
        "knowledge-tracing": "fmbench.data.generators.knowledge_tracing:KnowledgeTracing",
        "lane-keeping": "fmbench.data.lane_keeping:LaneKeeping",
        "spoken-digits": "fmbench.data.generators.spoken_digits:SpokenDigits",
        "regime-forecast": "fmbench.data.generators.regime_forecast:RegimeForecast",
        "traffic-flow": "fmbench.data.generators.traffic_flow:TrafficFlow",
        "intersection-paths": "fmbench.data.generators.intersection_paths:IntersectionPaths",
        "car-following": "fmbench.data.generators.car_following:CarFollowing",
        "road-scenes": "fmbench.data.generators.road_scenes:RoadScenes",
    },
)

FORMATS = Registry(
    "file format",
    {
        "csv": "fmbench.data.formats:read_csv",
        "tsv": "fmbench.data.formats:read_tsv",
        "jsonl": "fmbench.data.json_files:read_jsonl",
        "conll": "fmbench.data.tagged:read_conll",
        "parquet": "fmbench.data.formats:read_parquet",
        "inline-entities": "fmbench.data.tagged:read_inline_entities",
        "json": "fmbench.data.json_files:read_json",
        "xml": "fmbench.data.xml_files:read_xml",
        "span-jsonl": "fmbench.data.tagged:read_span_jsonl",
        "sequences": "fmbench.data.interactions:read_sequences",
        "candidates": "fmbench.data.interactions:read_candidates",
        "medquad": "fmbench.data.interactions:read_medquad",
        "image-folder": "fmbench.data.media:read_image_folder",
        "wav-folder": "fmbench.data.media:read_wav_folder",
        "idx": "fmbench.data.media:read_idx",
        "sprite": "fmbench.data.sprites:read_sprite",
        "winobias": "fmbench.data.pronoun_formats:read_winobias",
        "winogender": "fmbench.data.pronoun_formats:read_winogender",
        "lines": "fmbench.data.line_files:read_lines",
    },
)

KINDS = Registry(
    "task kind",
    {
        "text-classification": "fmbench.tasks.text_classification:TextClassification",
        "token-classification": "fmbench.tasks.token_classification:TokenClassification",
        "sentence-similarity": "fmbench.tasks.sentence_similarity:SentenceSimilarity",
        "text-regression": "fmbench.tasks.text_regression:TextRegression",
        "multi-label-classification": "fmbench.tasks.multi_label:MultiLabelClassification",
        "image-classification": "fmbench.tasks.image_classification:ImageClassification",
        "audio-classification": "fmbench.tasks.audio_classification:AudioClassification",
        "image-text-classification": "fmbench.tasks.image_text_classification:ImageTextClassification",
        "multiple-choice": "fmbench.tasks.multiple_choice:MultipleChoice",
        "tabular-classification": "fmbench.tasks.tabular_classification:TabularClassification",
        "tabular-regression": "fmbench.tasks.tabular_regression:TabularRegression",
        "time-series-forecasting": "fmbench.tasks.time_series_forecasting:TimeSeriesForecasting",
        "trajectory-forecasting": "fmbench.tasks.trajectory_forecasting:TrajectoryForecasting",
        "imitation-control": "fmbench.tasks.imitation_control:ImitationControl",
        "sequential-recommendation": "fmbench.tasks.sequential_recommendation:SequentialRecommendation",
        "sampled-recommendation": "fmbench.tasks.sampled_recommendation:SampledRecommendation",
        "rating-prediction": "fmbench.tasks.rating_prediction:RatingPrediction",
        "retrieval": "fmbench.tasks.retrieval:Retrieval",
        "minimal-pairs": "fmbench.tasks.minimal_pairs:MinimalPairs",
        "text-generation": "fmbench.tasks.text_generation:TextGeneration",
    },
)

LOADERS = Registry(
    "model loader",
    {
        "majority": "fmbench.models.classical.majority:Majority",
        "tfidf-logreg": "fmbench.models.classical.tfidf:TfidfLogreg",
        "word-logreg": "fmbench.models.classical.tagger:WordLogreg",
        "tfidf-cosine": "fmbench.models.classical.tfidf_cosine:TfidfCosine",
        "lead": "fmbench.models.classical.answering:Lead",
        "nearest-answer": "fmbench.models.classical.answering:NearestAnswer",
        "outputs": "fmbench.models.outputs:Outputs",
        "table-logreg": "fmbench.models.classical.tables:TableLogreg",
        "gradient-boosting": "fmbench.models.classical.tables:GradientBoosting",
        "group-mean": "fmbench.models.classical.group_mean:GroupMean",
        "mlp": "fmbench.models.classical.mlp:Mlp",
        "naive": "fmbench.models.classical.series:Naive",
        "seasonal-naive": "fmbench.models.classical.series:SeasonalNaive",
        "ridge": "fmbench.models.classical.ridge:RidgeRegression",
        "lag-boosting": "fmbench.models.classical.series:LagBoosting",
        "constant-velocity": "fmbench.models.classical.paths:ConstantVelocity",
        "linear-path": "fmbench.models.classical.paths:LinearPath",
        "vader": "fmbench.models.classical.vader:Vader",
        "bilstm": "fmbench.models.scratch:BiLSTM",
        "cnn": "fmbench.models.scratch:CNN",
        "transformer": "fmbench.models.scratch:Transformer",
        "tide": "fmbench.models.tide:Tide",
        "pixel-logreg": "fmbench.models.classical.pixels:PixelLogreg",
        "pixel-knn": "fmbench.models.classical.pixels:PixelKNN",
        "image-text-logreg": "fmbench.models.classical.pixels:ImageTextLogreg",
        "spectrogram-logreg": "fmbench.models.classical.spectrogram:SpectrogramLogreg",
        "image-cnn": "fmbench.models.conv:ImageCNN",
        "audio-cnn": "fmbench.models.conv:AudioCNN",
        "image-text-net": "fmbench.models.conv:ImageTextNet",
        "encoder": "fmbench.models.encoder:PretrainedEncoder",
        "random-ranking": "fmbench.models.classical.recommenders:RandomRanking",
        "popularity": "fmbench.models.classical.recommenders:Popularity",
        "item-knn": "fmbench.models.classical.recommenders:ItemKNN",
        "bpr-mf": "fmbench.models.classical.bpr:BPR",
        "gru4rec": "fmbench.models.next_item:GRU4Rec",
        "sasrec": "fmbench.models.next_item:SASRec",
        "ncf": "fmbench.models.ncf:NCF",
        "user-item-bias": "fmbench.models.classical.ratings:BiasModel",
        "matrix-factorization": "fmbench.models.classical.ratings:MatrixFactorization",
        "bm25": "fmbench.models.classical.lexical:BM25",
        "tfidf-retrieval": "fmbench.models.classical.lexical:TfidfRetrieval",
        "image-encoder": "fmbench.models.media_encoder:ImageEncoder",
        "audio-encoder": "fmbench.models.media_encoder:AudioEncoder",
        "language-model": "fmbench.models.language:PretrainedLanguageModel",
        "llama2c": "fmbench.models.llama2c:Llama2c",
    },
)

ADAPTATIONS = Registry(
    "adaptation",
    {
        "fit": "fmbench.adapt.fit:Fit",
        "finetune": "fmbench.adapt.finetune:Finetune",
        "probe": "fmbench.adapt.probe:Probe",
        "knn": "fmbench.adapt.knn:KNN",
        "zero-shot": "fmbench.adapt.zero_shot:ZeroShot",
    },
)

METRICS = Registry(
    "metric",
    {
        "accuracy": "fmbench.measure.classification:accuracy",
        "preference_gap": "fmbench.measure.preference:preference_gap",
        "macro_f1": "fmbench.measure.classification:macro_f1",
        "weighted_f1": "fmbench.measure.classification:weighted_f1",
        "micro_f1": "fmbench.measure.classification:micro_f1",
        "subset_accuracy": "fmbench.measure.classification:subset_accuracy",
        "entity_f1": "fmbench.measure.tagging:entity_f1",
        "entity_precision": "fmbench.measure.tagging:entity_precision",
        "entity_recall": "fmbench.measure.tagging:entity_recall",
        "entity_macro_f1": "fmbench.measure.tagging:entity_macro_f1",
        "entity_f1_strict": "fmbench.measure.tagging:entity_f1_strict",
        "token_accuracy": "fmbench.measure.tagging:token_accuracy",
        "spearman": "fmbench.measure.correlation:spearman",
        "pearson": "fmbench.measure.correlation:pearson",
        "mae": "fmbench.measure.errors:mae",
        "rmse": "fmbench.measure.errors:rmse",
        "r2": "fmbench.measure.errors:r2",
        "auroc": "fmbench.measure.ranked:auroc",
        "average_precision": "fmbench.measure.ranked:average_precision",
        "relative_mae": "fmbench.measure.forecast:relative_mae",
        "ade": "fmbench.measure.forecast:ade",
        "fde": "fmbench.measure.forecast:fde",
        "time_in_lane": "fmbench.measure.driving:time_in_lane",
        "collision_rate": "fmbench.measure.driving:collision_rate",
        "progress": "fmbench.measure.driving:progress",
        "jerk": "fmbench.measure.driving:jerk",
        "steering_mae": "fmbench.measure.driving:steering_mae",
        "acceleration_mae": "fmbench.measure.driving:acceleration_mae",
        "hr@1": "fmbench.measure.ranking:hr_at_1",
        "hr@5": "fmbench.measure.ranking:hr_at_5",
        "hr@10": "fmbench.measure.ranking:hr_at_10",
        "hr@20": "fmbench.measure.ranking:hr_at_20",
        "ndcg@5": "fmbench.measure.ranking:ndcg_at_5",
        "ndcg@10": "fmbench.measure.ranking:ndcg_at_10",
        "mrr": "fmbench.measure.ranking:mrr",
        "recall@10": "fmbench.measure.ranking:recall_at_10",
        "recall@100": "fmbench.measure.ranking:recall_at_100",
        "sampled_hr@10": "fmbench.measure.ranking:sampled_hr_at_10",
        "sampled_ndcg@10": "fmbench.measure.ranking:sampled_ndcg_at_10",
        "sampled_mrr": "fmbench.measure.ranking:sampled_mrr",
        "coverage@10": "fmbench.measure.ranking:coverage_at_10",
        "novelty@10": "fmbench.measure.ranking:novelty_at_10",
        "popularity_bias@10": "fmbench.measure.ranking:popularity_bias_at_10",
        "bleu": "fmbench.measure.texts.bleu:bleu",
        "bleu_zh": "fmbench.measure.texts.bleu:bleu_zh",
        "bleu_char": "fmbench.measure.texts.bleu:bleu_char",
        "chrf": "fmbench.measure.texts.chrf:chrf",
        "chrf++": "fmbench.measure.texts.chrf:chrf_words",
        "ter": "fmbench.measure.texts.ter:ter",
        "rouge1": "fmbench.measure.texts.rouge:rouge1",
        "rouge2": "fmbench.measure.texts.rouge:rouge2",
        "rougel": "fmbench.measure.texts.rouge:rougel",
        "rougelsum": "fmbench.measure.texts.rouge:rougelsum",
        "rouge1_stem": "fmbench.measure.texts.rouge:rouge1_stem",
        "rouge2_stem": "fmbench.measure.texts.rouge:rouge2_stem",
        "rougel_stem": "fmbench.measure.texts.rouge:rougel_stem",
        "rougelsum_stem": "fmbench.measure.texts.rouge:rougelsum_stem",
        "exact_match": "fmbench.measure.texts.answers:exact_match",
        "numeric_match": "fmbench.measure.texts.answers:numeric_match",
    },
    families={
        "sklearn": "fmbench.measure.foreign:sklearn_metric",
        "evaluate": "fmbench.measure.foreign:evaluate_metric",
    },
)

MEASURES = Registry(
    "measure",
    {
        "efficiency": "fmbench.measure.efficiency:Efficiency",
        "robustness": "fmbench.measure.robustness:Robustness",
        "calibration": "fmbench.measure.calibration:Calibration",
        "slices": "fmbench.measure.slices:Slices",
        "transfer": "fmbench.measure.transfer:Transfer",
        "fairness": "fmbench.measure.fairness:Fairness",
        "explanation": "fmbench.measure.explanation:Explanation",
        "bias": "fmbench.measure.bias:Bias",
        "toxicity": "fmbench.measure.texts.toxicity:Toxicity",
    },
)

TEXT_SCORERS = Registry(
    "text scorer",
    {
        "lexicon": "fmbench.models.text_scorers:Lexicon",
    },
)

PERTURBATIONS = Registry(
    "perturbation",
    {
        "typos": "fmbench.perturb.characters:typos",
        "entity-typos": "fmbench.perturb.characters:entity_typos",
        "context-typos": "fmbench.perturb.characters:context_typos",
        "char-drop": "fmbench.perturb.characters:char_drop",
        "char-swap": "fmbench.perturb.characters:char_swap",
        "char-insert": "fmbench.perturb.characters:char_insert",
        "ocr": "fmbench.perturb.characters:ocr",
        "homoglyphs": "fmbench.perturb.characters:homoglyphs",
        "misspellings": "fmbench.perturb.characters:misspellings",
        "case": "fmbench.perturb.surface:case",
        "lowercase": "fmbench.perturb.surface:lowercase",
        "uppercase": "fmbench.perturb.surface:uppercase",
        "titlecase": "fmbench.perturb.surface:titlecase",
        "whitespace": "fmbench.perturb.surface:whitespace",
        "punctuation-drop": "fmbench.perturb.surface:punctuation_drop",
        "punctuation-add": "fmbench.perturb.surface:punctuation_add",
        "word-drop": "fmbench.perturb.words:word_drop",
        "word-order": "fmbench.perturb.words:word_order",
        "synonyms": "fmbench.perturb.words:synonyms",
        "code-switch": "fmbench.perturb.words:code_switch",
        "fillers": "fmbench.perturb.words:fillers",
        "emoji": "fmbench.perturb.words:emoji",
        "links": "fmbench.perturb.words:links",
        "sentence-added": "fmbench.perturb.words:sentence_added",
        "negation": "fmbench.perturb.meaning:negation",
        "numbers": "fmbench.perturb.meaning:numbers",
        "dates": "fmbench.perturb.meaning:dates",
        "contractions": "fmbench.perturb.english:contractions",
        "expansions": "fmbench.perturb.english:expansions",
        "british-spelling": "fmbench.perturb.english:british_spelling",
        "african-american-english": "fmbench.perturb.english:african_american_english",
        "indian-english": "fmbench.perturb.english:indian_english",
        "entity-swap": "fmbench.perturb.entities:entity_swap",
        "entity-swap-new": "fmbench.perturb.entities:entity_swap_new",
        "gender-swap": "fmbench.perturb.identity:gender_swap",
        "name-swap": "fmbench.perturb.identity:name_swap",
        "zh-homophones": "fmbench.perturb.chinese:zh_homophones",
        "zh-lookalikes": "fmbench.perturb.chinese:zh_lookalikes",
        "zh-traditional": "fmbench.perturb.chinese:zh_traditional",
        "zh-simplified": "fmbench.perturb.chinese:zh_simplified",
        "gaussian-noise": "fmbench.perturb.images:gaussian_noise",
        "shot-noise": "fmbench.perturb.images:shot_noise",
        "impulse-noise": "fmbench.perturb.images:impulse_noise",
        "defocus-blur": "fmbench.perturb.images:defocus_blur",
        "motion-blur": "fmbench.perturb.images:motion_blur",
        "zoom-blur": "fmbench.perturb.images:zoom_blur",
        "snow": "fmbench.perturb.weather:snow",
        "frost": "fmbench.perturb.weather:frost",
        "fog": "fmbench.perturb.weather:fog",
        "brightness": "fmbench.perturb.images:brightness",
        "contrast": "fmbench.perturb.images:contrast",
        "elastic": "fmbench.perturb.images:elastic",
        "pixelate": "fmbench.perturb.images:pixelate",
        "jpeg": "fmbench.perturb.images:jpeg",
        "audio-noise": "fmbench.perturb.sounds:audio_noise",
        "audio-gain": "fmbench.perturb.sounds:audio_gain",
        "audio-clipping": "fmbench.perturb.sounds:audio_clipping",
        "audio-speed": "fmbench.perturb.sounds:audio_speed",
        "audio-reverb": "fmbench.perturb.sounds:audio_reverb",
        "audio-band-pass": "fmbench.perturb.sounds:audio_band_pass",
        "row-missing": "fmbench.perturb.tables:row_missing",
        "row-units": "fmbench.perturb.tables:row_units",
        "row-order": "fmbench.perturb.tables:row_order",
        "row-noise": "fmbench.perturb.tables:row_noise",
        "series-missing": "fmbench.perturb.series:series_missing",
        "series-gap": "fmbench.perturb.series:series_gap",
        "series-zeros": "fmbench.perturb.series:series_zeros",
        "series-scale": "fmbench.perturb.series:series_scale",
        "series-units": "fmbench.perturb.series:series_units",
        "series-noise": "fmbench.perturb.series:series_noise",
        "series-spikes": "fmbench.perturb.series:series_spikes",
        "series-level": "fmbench.perturb.series:series_level",
        "series-clipping": "fmbench.perturb.series:series_clipping",
        "series-coarse": "fmbench.perturb.series:series_coarse",
        "path-noise": "fmbench.perturb.paths:path_noise",
        "path-missing": "fmbench.perturb.paths:path_missing",
        "path-rotation": "fmbench.perturb.paths:path_rotation",
        "events-dropped": "fmbench.perturb.events:events_dropped",
        "events-injected": "fmbench.perturb.events:events_injected",
        "events-repeated": "fmbench.perturb.events:events_repeated",
        "events-swapped": "fmbench.perturb.events:events_swapped",
        "events-truncated": "fmbench.perturb.events:events_truncated",
    },
)
