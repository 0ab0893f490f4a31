"""Fixtures of the tokenizer: test/fixtures/formats/tokenizer/{tokenizer.json, merges.json}, and with --full <folder> the same against CLIP's own vocabulary.

Versions: transformers 5.23 (CLIPTokenizer), tokenizers (its backend), open_clip_torch 3.3 (SimpleTokenizer and its vocabulary file).
Run: python tools/oracles/tokenizer.py              a small vocabulary, trained on the sentences below; texts and the tokens of CLIPTokenizer
     python tools/oracles/tokenizer.py --full DIR   writes DIR/tokenizer.json (CLIPTokenizer over the vocabulary in open_clip's package), DIR/bpe.txt.gz and DIR/texts.json:
                                                    for tools/slow/tokenizer.mjs; nothing of it is committed
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

SENTENCES = """
a drawing of a face . two faces on a textured background . there are three houses in the picture . a person seen from behind stands beside a house
a computer drawing with one written word and an object . a place drawn in perspective with a road and trees . people seen from behind walk on a street
the man's dog doesn't like the other dogs ; they're playing with a red ball while it's raining . a plate of food on a wooden table next to a glass of water
a picture that shows several objects without order . the train is standing at the station number 42 . an old clock on the wall of a large building
""".split()

TEXTS = [
    "", " ", "a", "A photo of a cat", "two faces on a textured background.", "The man's dog doesn't like it; they're away, I'd say we'll go, you've won, I'm sure.",
    "THE MAN'S DOG", "  many   spaces\tand\nlines\r\n ", "numbers 0 1 23 456 3.14 1,000 2nd", "caf\u00e9 na\u00efve \u00fcber stra\u00dfe \u0130stanbul", "e\u0301 combining and \u00e9 composed",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8", "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440", "\u0645\u0631\u062d\u0628\u0627", "emoji \U0001f600\U0001f44d\U0001f3fd family \U0001f468\u200d\U0001f469\u200d\U0001f467 flag \U0001f1e9\U0001f1ea", "&amp; &lt;b&gt; &quot;x&quot; &#39;",
    "hy-phen under_score at@sign #hash $5 50% a/b a\\b (parens) [brackets] {braces} <tags>", "...!!!???", "don''t ''s 's 't", "\u2018curly\u2019 \u201cquotes\u201d", "non\u00a0breaking\u2003spaces\u3000wide", "zero\u200bwidth soft\u00adhyphen",
    "\u00bd \u00b2 \u2167 \u0663 \u4e00", "a\u0000b\u0001c", "word " * 100, "supercalifragilisticexpialidocious" * 4, "<|endoftext|>", "a <|startoftext|> b", "constructor __proto__ toString hasOwnProperty", "\ufffd \ue000", "A.B.C. U.S.A.", "x" * 400, "\u01c5 \ufb01 \u212b \u03a3\u03c2",
]


def hub_tokenizer(vocab, merges):
    from transformers import CLIPTokenizer
    return CLIPTokenizer(vocab=vocab, merges=merges)


def expected(tokenizer, texts):
    return [tokenizer(text, truncation=False)["input_ids"] for text in texts]


def small():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers.convert_slow_tokenizer import bytes_to_unicode
    from tokenizers import Regex

    alphabet = list(bytes_to_unicode().values())
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.train_from_iterator([" ".join(SENTENCES)] * 3, trainers.BpeTrainer(vocab_size=900, end_of_word_suffix="</w>", initial_alphabet=alphabet, min_frequency=2, show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    pairs = [merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]]
    # numbered as OpenAI's: bytes, bytes that end a word, merges, marks
    words = alphabet + [character + "</w>" for character in alphabet]
    for pair in pairs:
        if "".join(pair) not in words:
            words.append("".join(pair))
    vocab = {word: number for number, word in enumerate(words + ["<|startoftext|>", "<|endoftext|>"])}
    hub = hub_tokenizer(vocab, [tuple(pair) for pair in pairs])
    folder = os.path.join(HERE, "..", "..", "test", "fixtures", "formats", "tokenizer")
    os.makedirs(folder, exist_ok=True)
    save(hub, os.path.join(folder, "tokenizer.json"))
    with open(os.path.join(folder, "texts.json"), "w") as file:
        file.write("[\n" + ",\n".join(json.dumps([text, tokens]) for text, tokens in zip(TEXTS, expected(hub, TEXTS))) + "\n]\n")
    print(len(vocab), len(pairs))


def save(hub, path):
    hub.backend_tokenizer.save(path, pretty=False)


def full(folder):
    import gzip
    import random
    import shutil

    import open_clip
    from open_clip.tokenizer import SimpleTokenizer

    own = SimpleTokenizer()
    merges = [pair for pair, _rank in sorted(own.bpe_ranks.items(), key=lambda item: item[1])]
    vocab = {("<|startoftext|>" if word == "<start_of_text>" else "<|endoftext|>" if word == "<end_of_text>" else word): number for word, number in own.encoder.items()}
    hub = hub_tokenizer(vocab, merges)
    os.makedirs(folder, exist_ok=True)
    save(hub, os.path.join(folder, "tokenizer.json"))
    shutil.copy(os.path.join(os.path.dirname(open_clip.__file__), "bpe_simple_vocab_16e6.txt.gz"), os.path.join(folder, "bpe.txt.gz"))
    rng = random.Random(5)
    words = [word.replace("</w>", "") for word in vocab if word.isascii() and word.endswith("</w>")]
    sentences = [" ".join(rng.choice(words) for _ in range(rng.randint(1, 40))) for _ in range(3000)]
    alphabet = [chr(c) for c in list(range(32, 127)) + list(range(160, 600)) + list(range(0x370, 0x500)) + list(range(0x4e00, 0x4e80)) + list(range(0x1f600, 0x1f640))]
    noise = ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60))) for _ in range(2000)]
    texts = TEXTS + sentences + noise
    simple = [[own.sot_token_id, *own.encode(text), own.eot_token_id] for text in texts]
    with open(os.path.join(folder, "texts.json"), "w") as file:
        json.dump([list(row) for row in zip(texts, expected(hub, texts), simple)], file)
    print(len(texts), sum(h == s for h, s in zip(expected(hub, texts), simple)))


if __name__ == "__main__":
    full(sys.argv[2]) if len(sys.argv) > 2 else small()
