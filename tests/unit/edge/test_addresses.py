from edge.addresses import address_of, remembering


def test_an_address_is_written_as_nginx_takes_it() -> None:
    assert address_of("127.0.0.1") == "127.0.0.1"
    assert address_of("::1") == "[::1]"
    assert address_of("nobody.invalid") is None


def test_a_name_server_that_is_silent_for_a_moment_changes_nothing() -> None:
    names: dict[str, str] = {}
    resolve = remembering(names.get)
    assert resolve("origin") is None
    names["origin"] = "10.0.0.1"
    assert resolve("origin") == "10.0.0.1"
    del names["origin"]
    assert resolve("origin") == "10.0.0.1"
    names["origin"] = "10.0.0.2"
    assert resolve("origin") == "10.0.0.2"
