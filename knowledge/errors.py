"""
KnowledgeError
├── DocumentError   a document or folder cannot be read; names it
├── IndexingError   the index cannot be opened or written
└── LLMError        the language model did not answer; ``retryable`` says whether trying again can help
"""


class KnowledgeError(Exception):
    """Says what is wrong and what the person can do about it."""

    retryable = False


class DocumentError(KnowledgeError):
    pass


class IndexingError(KnowledgeError):
    pass


class LLMError(KnowledgeError):
    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable
