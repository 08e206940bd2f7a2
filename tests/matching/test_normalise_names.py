"""A name folds to one form however it is written, in its own alphabet, and none is lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.normalise.names import family_name, given_names
from matching.normalise.scripts import skeleton
from matching.normalise.text import script, words


@pytest.mark.parametrize(
    ("told", "folded", "why"),
    [
        ("Lefèvre-d'Ormesson", "LEFEVRE D ORMESSON", "accents go, hyphen and apostrophe part words"),
        ("Lefèvre‑d’Ormesson", "LEFEVRE D ORMESSON", "typographic hyphen and apostrophe are the same signs"),
        ("DUPONT--MARTIN", "DUPONT MARTIN", "the double hyphen of two surnames is a space"),
        ("  DE   LA  ", "DE LA", "spaces are not doubled"),
        ("ŒUVRARD", "OEUVRARD", "a ligature is two letters"),
        ("Straße", "STRASSE", "so is the German one"),
        ("ＭＡＲＴＩＮ", "MARTIN", "full width is width"),
        ("İstanbullu", "ISTANBULLU", "a Turkish dotted capital"),
        ("Te\u02bbi", "TE I", "an okina is an apostrophe"),
        ("Gal\u00b7la", "GALLA", "the Catalan middle dot is no word break"),
        ("ʿAlī", "ALI", "signs of a scholarly transcription go"),
        ("Nguyễn Thị", "NGUYEN THI", "Vietnamese has two marks on a letter"),
        ("Иванов-Щёлкин", "ИВАНОВ ЩЕЛКИН", "Cyrillic stays Cyrillic"),
        ("Παπαδόπουλος", "ΠΑΠΑΔΟΠΟΥΛΟΣ", "Greek stays Greek, the final sigma a sigma"),
        ("أَحْمَد", "احمد", "Arabic stays Arabic, optional points go"),
        ("محـــمد", "محمد", "a stretched letter is the same letter"),
        ("שָׁלוֹם", "שלום", "Hebrew stays Hebrew"),
        ("王小明", "王小明", "Chinese stays Chinese"),
        ("देवी", "देवी", "Indian vowel signs are letters"),
        ("김철수", "김철수", "Korean syllables stay whole"),
        ("MARTIN2", "MARTIN2", "a digit tells two names apart"),
        ("DUPONT/MARTIN", "DUPONT MARTIN", "any other sign parts words"),
    ],
)
def test_a_name_folds_to_words_in_its_own_alphabet(told: str, folded: str, why: str) -> None:
    assert " ".join(words(told)) == folded, why


@settings(deadline=None)
@given(st.text(max_size=80))
def test_folding_is_idempotent_and_forgets_how_accents_were_encoded(text: str) -> None:
    folded = words(text)
    assert words(" ".join(folded)) == folded
    assert words(unicodedata.normalize("NFD", text)) == folded
    assert words(unicodedata.normalize("NFC", text)) == folded


@settings(deadline=None)
@given(st.text(alphabet=st.characters(categories=["Lu", "Ll", "Lo", "Lt"]), min_size=1, max_size=20))
def test_a_name_in_any_alphabet_is_never_lost(text: str) -> None:
    assert words(text)
    name = family_name(f"{text}bcd")
    assert name is not None
    assert name.letters
    assert name.sounds
    assert all(name.sounds)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("EL HADDAD", "ELHADDAD", "an article apart or glued"),
        ("EL HADDAD", "AL HADDAD", "an article in two spellings"),
        ("ALHADDAD", "EL HADDAD", "both at once"),
        ("SAINT-MARTIN", "ST MARTIN", "a title cut short"),
        ("McDonald", "MAC DONALD", "a Scottish prefix"),
        ("O'BRIEN", "OBRIEN", "an apostrophe"),
        ("BEN ALI", "BENALI", "a glued patronym"),
        ("LE GALL", "LEGALL", "a glued Breton article"),
    ],
)
def test_articles_do_not_make_another_name(one: str, other: str, why: str) -> None:
    a, b = family_name(one), family_name(other)
    assert a
    assert b
    assert a.key == b.key, why


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("DE LA FONTAINE", "FONTAINE", "particles are left out"),
        ("GOMES", "GOMEZ", "a Portuguese and a Spanish ending"),
        ("GARCIA LOPEZ", "LOPEZ GARCIA", "two surnames in either order"),
        ("PEREIRA DA SILVA", "SILVA PEREIRA", "particles and order"),
        ("HADDAD", "EL HADDAD", "an article left out"),
        ("الحداد", "حداد", "an Arabic article left out"),
    ],
)
def test_variants_share_a_form(one: str, other: str, why: str) -> None:
    a, b = family_name(one), family_name(other)
    assert a
    assert b
    assert a.key != b.key
    assert a.forms & b.forms, why


def test_particles_are_kept_and_a_name_of_particles_only_is_a_name() -> None:
    van_den_berg, le = family_name("VAN DEN BERG"), family_name("LÊ")
    assert van_den_berg
    assert le
    assert van_den_berg.words == ("VAN", "DEN", "BERG")
    assert van_den_berg.core == ("BERG",)
    assert le.core == ("LE",)


@pytest.mark.parametrize(
    "told", ["INCONNU", "x", "XXX", "Sans Nom", "N.N.", "test", "aaaa", "Non renseigné", "-", None]
)
def test_a_placeholder_is_no_family_name(told: str | None) -> None:
    assert family_name(told) is None


def test_an_unusual_name_is_no_placeholder() -> None:
    assert family_name("王王王") is not None
    assert family_name("Ng") is not None


def test_given_names_keep_their_order_and_their_compounds() -> None:
    told = given_names(("Jean-Noël", "Marie"))
    assert told
    assert told.first == ("JEAN", "NOEL")
    assert told.words == ("JEAN", "NOEL", "MARIE")
    assert told.prefixes == {"JEAN", "JEANNOEL", "JEANNOELMARIE"}
    assert given_names(("X", "Paul")) == given_names(("Paul",))
    assert given_names(("INCONNU",)) is None


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("MOHAMED", "MOHAMMED", True),
        ("MOHAMED", "MUHAMMAD", True),
        ("MOHAMED", "MAHMOUD", False),
        ("HASSAN", "HUSSEIN", True),
        ("KHADIJA", "KHADIDJA", True),
        ("CHERIF", "SHARIF", True),
        ("FATIMAH", "FATIMA", True),
        ("QADIR", "KADER", True),
        ("CECILE", "SESILE", True),
        ("IVANOV", "Иванов", True),
        ("PAPADOPOULOS", "Παπαδόπουλος", True),
        ("CHEIKH", "SEIK", False),
    ],
)
def test_skeletons_join_transliterations(one: str, other: str, equal: bool) -> None:
    assert (skeleton(words(one)[0]) == skeleton(words(other)[0])) is equal


def test_an_alphabet_without_a_table_has_no_skeleton() -> None:
    assert skeleton("王小明") == ""
    assert script("王") == "CJK"
