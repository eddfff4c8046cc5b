def check_extrapolator(*args: object, **options: object) -> None:
    raise NotImplementedError
