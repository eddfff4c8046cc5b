def check_benchmark(*args: object, **options: object) -> None:
    raise NotImplementedError
