def check_optimizer(*args: object, **options: object) -> None:
    raise NotImplementedError
