"""The strategy protocol and the strategies that come with the package."""
