def check_search_space(*args: object, **options: object) -> None:
    raise NotImplementedError
