from nag.core.errors import did_you_mean


def test_a_hint_names_the_closest_word_or_lists_a_few():
    assert did_you_mean("evolutoin", ["random", "evolution"]) == "Did you mean 'evolution'?"
    assert did_you_mean("x", ["random", "evolution"]) == "Known: evolution, random."
    assert did_you_mean("x", []) == ""
    many = did_you_mean("?", [f"word_{i:02}" for i in range(30)])
    assert many.startswith("Known: word_00, ")
    assert many.endswith("word_19 and 10 more.")
