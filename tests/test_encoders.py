"""The real encoder: what it promises whatever the text, and what it says when a model is absent or damaged."""

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.encoders import PROMPTS, SHIPPED_FOLDER, OnnxEncoder, OnnxEngine, equal_lengths, load_encoder
from app.errors import EncoderError
from app.types import Encoder

pytestmark = pytest.mark.model

PASSAGES = (
    "复旦大学、上海交通大学建设国家集成电路学院；上海交通大学、同济大学建设国家卓越工程学院。",
    "截至 2023 年底，四类计划共资助了 1 万余人，总资助额 26 亿余元。",
    "上海技术交易所筛选 32 家评价机构基于试点任务开展合作，推动高校院所超 2 万项专利筛选评价。",
    "长三角 G60 科创走廊人才流动五年累计突破 38 万人次，连续 5 年举办人才峰会。",
)
QUESTIONS = (
    "哪些大学建设国家集成电路学院？",
    "四类人才计划一共资助了多少人？",
    "Which exchange selected evaluation agencies for patents?",
    "G60科创走廊五年里有多少人才流动？",
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="module")
def engine() -> OnnxEngine:
    return OnnxEngine()


@pytest.fixture(scope="module")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT of random weights, saved as a sentence-transformers model with prompts of its own."""
    return save_tiny_model(tmp_path_factory.mktemp("tiny"), seed=1)


def save_tiny_model(folder: Path, seed: int) -> Path:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertConfig, BertModel, BertTokenizer

    torch.manual_seed(seed)
    signs = sorted(set("".join((*PASSAGES, *QUESTIONS, *PROMPTS.values()))) - {" "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *signs, *(f"##{sign}" for sign in signs)]
    BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder / "bert")
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"))
    model = SentenceTransformer(modules=[transformer, Pooling(16, "mean")], prompts={"query": "问：", "document": ""})
    model.save(str(folder / "model"), create_model_card=False)
    return folder / "model"


def test_vectors_have_unit_length(encoder: Encoder) -> None:
    for vectors in (encoder.encode_passages(PASSAGES), encoder.encode_queries(QUESTIONS)):
        assert vectors.shape == (4, encoder.dim) == (4, 384)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode_queries([]).shape == (0, 384)
    assert encoder.encode_passages([]).shape == (0, 384)


def test_each_question_is_closest_to_the_passage_that_answers_it(encoder: Encoder) -> None:
    scores = encoder.encode_queries(QUESTIONS) @ encoder.encode_passages(PASSAGES).T
    assert scores.argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_a_vector_depends_neither_on_neighbours_nor_on_threads(encoder: Encoder) -> None:
    together = encoder.encode_passages([*PASSAGES, "短。", "长" * 900])
    alone = [encoder.encode_passages([text])[0] for text in PASSAGES]
    one_thread = OnnxEncoder(OnnxEngine(threads=1)).encode_passages(PASSAGES)
    np.testing.assert_array_equal(together[:4], alone)
    np.testing.assert_array_equal(together[:4], one_thread)


def test_texts_of_equal_length_share_a_run_without_a_trace(engine: OnnxEngine) -> None:
    texts = [f"截至 {year} 年底，四类计划共资助了 {year} 人。" for year in range(2001, 2024)]
    assert len({len(engine.pieces(text)) for text in texts}) < len(texts) / 4
    alone = np.concatenate([engine.embed([text]) for text in texts])
    np.testing.assert_array_equal(engine.embed(texts), alone)
    np.testing.assert_array_equal(engine.embed([*texts[5:], *PASSAGES])[: len(texts) - 5], alone[5:])


def test_runs_are_of_equal_length_and_bounded() -> None:
    pieces = [[0] * length for length in (5, 512, 5, 140, 140, 140, 7)]
    assert equal_lengths(pieces) == [[1], [3, 4], [5], [6], [0, 2]]
    assert equal_lengths([]) == []


def test_questions_and_passages_get_the_prefixes_of_e5(encoder: Encoder, engine: OnnxEngine) -> None:
    (text,) = PASSAGES[:1]
    np.testing.assert_array_equal(encoder.encode_queries([text]), engine.embed([f"query: {text}"]))
    np.testing.assert_array_equal(encoder.encode_passages([text]), engine.embed([f"passage: {text}"]))


def test_text_is_cut_at_512_pieces(engine: OnnxEngine) -> None:
    long = "".join(PASSAGES) * 9
    assert len(engine.pieces(long)) == 512
    np.testing.assert_array_equal(engine.embed([long]), engine.embed([long + "这一句已经读不到了。"]))


@pytest.mark.parametrize(
    "text",
    [
        "長三角科技創新共同體建設，臺灣、鄭州、蘇州",
        "〔2024〕38号《办法》“热带雨林”——①②③；５～８％，±3℃，≥90㎡，§2",
        "朱镕基、王珺、张翀、李喆、刘昉；❶养老㊣",
        "The Shanghai Science and Technology Commission (STCSM), Zhangjiang, naïve café, ΔT = 5 µm",
    ],
)
def test_characters_of_official_texts_are_known(engine: OnnxEngine, text: str) -> None:
    assert engine.tokenizer.token_to_id("<unk>") not in engine.pieces(text)


@pytest.mark.parametrize("text", ["안녕하세요", "שלום", "สวัสดี", "નમસ્તે"])
def test_letters_of_other_scripts_are_known_one_by_one(engine: OnnxEngine, text: str) -> None:
    assert engine.tokenizer.token_to_id("<unk>") not in engine.pieces(text)


def test_kinds_of_space_and_width_make_no_difference(engine: OnnxEngine) -> None:
    assert engine.pieces("\ufeff总资助额\t26\u3000亿余元（约）\r\n") == engine.pieces("总资助额 26 亿余元(约)")
    assert engine.pieces("5～8 项") != engine.pieces("5~8 项")


def test_progress_counts_every_passage(encoder: Encoder) -> None:
    calls: list[tuple[int, int]] = []
    encoder.encode_passages(PASSAGES, lambda done, total: calls.append((done, total)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_shipped_model_needs_no_torch() -> None:
    code = """import sys; from app.encoders import load_encoder; load_encoder().encode_queries(["好"])
print(sorted({"torch", "transformers", "sentence_transformers"} & set(sys.modules)))"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_sentence_transformer_gives_the_same_vectors(encoder: Encoder) -> None:
    from app.models.onnx_module import as_sentence_transformer

    model = as_sentence_transformer()
    assert model.get_embedding_dimension() == 384
    np.testing.assert_array_equal(model.encode_query(list(QUESTIONS)), encoder.encode_queries(QUESTIONS))
    np.testing.assert_array_equal(model.encode_document(list(PASSAGES)), encoder.encode_passages(PASSAGES))


def test_saved_sentence_transformer_opens_again(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    from app.models.onnx_module import as_sentence_transformer

    model = as_sentence_transformer()
    model.save(str(tmp_path), create_model_card=False)
    opened = SentenceTransformer(str(tmp_path), device="cpu", trust_remote_code=True, local_files_only=True)
    np.testing.assert_array_equal(opened.encode_query(list(QUESTIONS)), model.encode_query(list(QUESTIONS)))


def test_another_model_is_used_with_its_own_prompts(other_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SentenceTransformer

    monkeypatch.setattr(socket.socket, "connect", _refuse_connection)
    encoder = load_encoder(str(other_model))
    model = SentenceTransformer(str(other_model), device="cpu")
    questions, passages = encoder.encode_queries(QUESTIONS), encoder.encode_passages(PASSAGES)
    assert (encoder.name, encoder.dim) == (str(other_model), 16)
    assert questions.dtype == np.float32
    expected = model.encode([f"问：{text}" for text in QUESTIONS], normalize_embeddings=True)
    np.testing.assert_allclose(questions, expected, atol=1e-5)
    np.testing.assert_allclose(passages, model.encode(list(PASSAGES), normalize_embeddings=True), atol=1e-5)
    np.testing.assert_array_equal(passages[2:3], encoder.encode_passages(PASSAGES[2:3]))
    assert encoder.encode_passages([]).shape == (0, 16)


def test_fingerprint_follows_the_weights(other_model: Path, tmp_path: Path, encoder: Encoder) -> None:
    copy = shutil.copytree(other_model, tmp_path / "copy")
    retrained = save_tiny_model(tmp_path, seed=2)
    fingerprint = load_encoder(str(other_model)).fingerprint
    assert load_encoder(str(copy)).fingerprint == fingerprint
    assert load_encoder(str(retrained)).fingerprint != fingerprint
    assert load_encoder().fingerprint == encoder.fingerprint != fingerprint


@pytest.mark.parametrize("name", ["no-such-model", "nobody/no-such-model", "no/such/folder"])
def test_unknown_model_says_what_to_do_and_opens_no_connection(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", _refuse_connection)
    with pytest.raises(EncoderError) as caught:
        load_encoder(name, cache_dir=tmp_path)
    assert f"hf download {name} --cache-dir {tmp_path}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folder_without_a_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "no-such-architecture"}))
    with pytest.raises(EncoderError, match=f"^{tmp_path} is not a model") as caught:
        load_encoder(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_damaged_file_is_named(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(SHIPPED_FOLDER, tmp_path / "e5")
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(EncoderError, match=f"{name} is damaged.*python -m app.models.train_encoder"):
        OnnxEngine(folder)


@pytest.mark.parametrize("name", ["model.onnx", "SHA256SUMS"])
def test_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(SHIPPED_FOLDER, tmp_path / "e5")
    (folder / name).unlink()
    with pytest.raises(EncoderError, match=f"{name} cannot be read.*python -m app.models.train_encoder"):
        OnnxEngine(folder)


def _refuse_connection(*_: object) -> None:
    raise AssertionError("a connection was opened")
